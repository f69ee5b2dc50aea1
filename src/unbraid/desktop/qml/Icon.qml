import QtQuick
import QtQuick.Shapes

// A line drawing on a grid of 24 by 24.
Item {
    id: icon

    property string glyph
    property color colour: Theme.ink
    property real size: 18
    readonly property var paths: ({
        "play": "F M7.5 4.6 L19 12 L7.5 19.4 Z",
        "pause": "F M6.5 5 H10 V19 H6.5 Z M14 5 H17.5 V19 H14 Z",
        "stop": "F M6 6 H18 V18 H6 Z",
        "next": "F M6 5 L15.5 12 L6 19 Z M16.5 5 H18.5 V19 H16.5 Z",
        "previous": "F M18 5 L8.5 12 L18 19 Z M5.5 5 H7.5 V19 H5.5 Z",
        "loop": "M17 2.5 L20.5 6 L17 9.5 M3.5 11.5 V10 A4 4 0 0 1 7.5 6 H20.5 M7 21.5 L3.5 18 L7 14.5 M20.5 12.5 V14 A4 4 0 0 1 16.5 18 H3.5",
        "list": "M4 6.5 H20 M4 12 H20 M4 17.5 H14",
        "add": "M12 5 V19 M5 12 H19",
        "minus": "M5 12 H19",
        "close": "M6 6 L18 18 M18 6 L6 18",
        "export": "M12 14.5 V3.5 M8 7.5 L12 3.5 L16 7.5 M4.5 14 V18.5 A2 2 0 0 0 6.5 20.5 H17.5 A2 2 0 0 0 19.5 18.5 V14",
        "chevron": "M6.5 9.5 L12 15 L17.5 9.5",
        "volume": "M4 9.5 V14.5 H7.5 L12 18.5 V5.5 L7.5 9.5 Z M15.5 9 A4.2 4.2 0 0 1 15.5 15 M18 6.5 A7.8 7.8 0 0 1 18 17.5",
        "spectrum": "M4 19.5 V15 M8 19.5 V8 M12 19.5 V11 M16 19.5 V5 M20 19.5 V13",
        "wave": "M3.5 12 H5.5 M8 8.5 V15.5 M11 5 V19 M14 9 V15 M17 7 V17 M19.5 12 H20.5",
        "fit": "M3.5 8 V5.5 A1.5 1.5 0 0 1 5 4 H7.5 M16.5 4 H19 A1.5 1.5 0 0 1 20.5 5.5 V8 M20.5 16 V18.5 A1.5 1.5 0 0 1 19 20 H16.5 M7.5 20 H5 A1.5 1.5 0 0 1 3.5 18.5 V16 M7.5 12 H16.5",
        "follow": "M12 3.5 V20.5 M15.5 12 H21 M18.5 9 L21.5 12 L18.5 15 M3 12 H8.5",
        "sun": "M12 8 A4 4 0 1 1 12 16 A4 4 0 1 1 12 8 M12 2.5 V4.5 M12 19.5 V21.5 M2.5 12 H4.5 M19.5 12 H21.5 M5.3 5.3 L6.7 6.7 M17.3 17.3 L18.7 18.7 M5.3 18.7 L6.7 17.3 M17.3 6.7 L18.7 5.3",
        "moon": "M20 14.5 A8.5 8.5 0 1 1 9.5 4 A6.8 6.8 0 0 0 20 14.5 Z",
        "auto": "M12 4 A8 8 0 1 0 12 20 A8 8 0 1 0 12 4 M12 4 V20 M12 8 H18.6 M12 12 H20 M12 16 H18.6",
        "keys": "M4.5 6.5 H19.5 A1.5 1.5 0 0 1 21 8 V16 A1.5 1.5 0 0 1 19.5 17.5 H4.5 A1.5 1.5 0 0 1 3 16 V8 A1.5 1.5 0 0 1 4.5 6.5 M6.5 10 H7 M10 10 H10.5 M13.5 10 H14 M17 10 H17.5 M8 14 H16",
        "blind": "M3 12 C6 7 9 5.5 12 5.5 C15 5.5 18 7 21 12 C18 17 15 18.5 12 18.5 C9 18.5 6 17 3 12 M4.5 20 L19.5 4",
        "folder": "M3.5 7 A1.5 1.5 0 0 1 5 5.5 H9.5 L11.5 8 H19 A1.5 1.5 0 0 1 20.5 9.5 V17 A1.5 1.5 0 0 1 19 18.5 H5 A1.5 1.5 0 0 1 3.5 17 Z",
        "note": "M9.5 17.5 V5.5 L19 3.5 V15.5 M9.5 17.5 A2.6 2.6 0 1 1 4.3 17.5 A2.6 2.6 0 1 1 9.5 17.5 M19 15.5 A2.6 2.6 0 1 1 13.8 15.5 A2.6 2.6 0 1 1 19 15.5",
        "check": "M5 12.5 L10 17.5 L19.5 7",
        "reset": "M4.5 12 A7.5 7.5 0 1 0 7 6.4 M7.5 2.8 L6.6 6.8 L10.6 7.6",
        "warning": "M12 4 L21 19.5 H3 Z M12 10 V14.5 M12 16.9 V17.1",
    })
    readonly property string path: paths[glyph] || ""
    readonly property bool filled: path.startsWith("F ")

    implicitWidth: size
    implicitHeight: size

    Shape {
        width: 24
        height: 24
        scale: icon.size / 24
        transformOrigin: Item.TopLeft
        preferredRendererType: Shape.CurveRenderer

        ShapePath {
            strokeColor: icon.filled ? "transparent" : icon.colour
            strokeWidth: icon.filled ? -1 : 1.7
            fillColor: icon.filled ? icon.colour : "transparent"
            capStyle: ShapePath.RoundCap
            joinStyle: ShapePath.RoundJoin
            PathSvg { path: icon.filled ? icon.path.slice(2) : icon.path }
        }
    }
}
