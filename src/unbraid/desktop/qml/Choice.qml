import QtQuick

// A few words side by side of which one is chosen.
Rectangle {
    id: choice

    property var names: []
    property var tips: names
    property var keysOf: []
    property int current: -1
    signal chosen(int index)

    implicitWidth: row.implicitWidth + 4
    implicitHeight: 30
    radius: 7
    color: Theme.raised
    border.color: Theme.rule
    opacity: enabled ? 1 : 0.38

    Row {
        id: row

        x: 2
        y: 2
        Repeater {
            model: choice.names

            Press {
                required property int index
                required property string modelData

                objectName: choice.objectName + "-" + index
                text: modelData
                name: choice.tips[index] || modelData
                keys: choice.keysOf[index] || ""
                on: index === choice.current
                toggles: true
                tint: Theme.ink
                tintInk: Theme.ground
                inkColour: Theme.quiet
                height: choice.height - 4
                opacity: 1
                radius: 5
                font.pixelSize: 12
                onClicked: choice.chosen(index)
            }
        }
    }
}
