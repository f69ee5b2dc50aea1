import QtQuick
import QtQuick.Shapes

// Four strands that come apart, in the stems' colours.
Item {
    id: mark

    required property var lanes
    property real size: 96

    implicitWidth: size
    implicitHeight: size

    Repeater {
        model: mark.lanes

        Shape {
            id: strand

            required property var modelData
            required property int index

            width: 96
            height: 96
            scale: mark.size / 96
            transformOrigin: Item.TopLeft
            preferredRendererType: Shape.CurveRenderer
            ShapePath {
                strokeColor: strand.modelData.colour
                strokeWidth: 5
                fillColor: "transparent"
                capStyle: ShapePath.RoundCap
                PathSvg {
                    path: [
                        "M8 38 C20 38 22 58 34 58 C46 58 46 40 58 36 C70 31 74 18 88 18",
                        "M8 46 C20 46 24 40 34 40 C46 40 46 54 58 46 C70 39 76 38 88 38",
                        "M8 52 C20 52 22 44 34 48 C46 52 46 44 58 52 C68 58 76 58 88 58",
                        "M8 59 C20 59 24 52 34 53 C46 54 46 58 58 62 C70 66 74 78 88 78",
                    ][strand.index]
                }
            }
        }
    }
}
