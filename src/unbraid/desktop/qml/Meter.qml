import QtQuick

// A level: RMS solid, peak behind it, a held peak as a line. Heights are 0 to 1.
Item {
    id: meter

    property real peak
    property real rms
    property real held
    property color tint: Theme.ink
    property bool upright: true
    property string name
    readonly property real unity: 60 / 66
    readonly property real length: upright ? height : width

    implicitWidth: upright ? 6 : 80
    implicitHeight: upright ? 80 : 6
    Accessible.role: Accessible.Indicator
    Accessible.name: name

    component Bar: Rectangle {
        property real level

        readonly property real extent: Math.round(level * meter.length)

        width: meter.upright ? meter.width : extent
        height: meter.upright ? extent : meter.height
        anchors.bottom: meter.bottom
        anchors.left: meter.left
        radius: 1.5
        visible: extent > 0
    }

    Rectangle { anchors.fill: parent; radius: 1.5; color: Theme.dark ? "#0b0c0e" : "#e3e3df" }
    Bar { level: meter.peak; color: meter.tint; opacity: 0.42 }
    Bar { level: meter.rms; color: meter.tint }
    Rectangle {
        readonly property real at: Math.round(meter.held * meter.length)

        visible: meter.held > 0.02
        x: meter.upright ? 0 : at - 2
        y: meter.upright ? meter.height - at : 0
        width: meter.upright ? meter.width : 2
        height: meter.upright ? 2 : meter.height
        color: meter.held > meter.unity ? Theme.error : Theme.ink
    }
}
