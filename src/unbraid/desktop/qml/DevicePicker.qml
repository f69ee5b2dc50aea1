import QtQuick
import QtQuick.Controls.Basic

// The sound device, and the others that could play.
Press {
    id: picker

    quiet: menu.visible

    required property var app
    property var names: []

    objectName: "device"
    implicitHeight: 22
    glyph: "volume"
    glyphSize: 14
    text: app.playback.device || "System's sound"
    font.pixelSize: 12
    font.weight: Font.Normal
    inkColour: Theme.quiet
    name: "Sound device"
    onClicked: {
        app.playback.findDevices()
        menu.open()
    }

    Popup {
        id: menu

        parent: picker
        y: -height - 6
        x: picker.width - width
        width: 280
        padding: 6
        focus: true
        background: Rectangle { color: Theme.raised; border.color: Theme.rule; radius: 8 }
        contentItem: Column {
            Repeater {
                model: [""].concat(picker.app.playback.devices)

                Press {
                    required property string modelData

                    objectName: "device-" + modelData
                    width: 268
                    text: modelData || "The system's choice"
                    name: text
                    font.weight: Font.Normal
                    glyph: modelData && modelData === picker.app.playback.device ? "check" : ""
                    glyphSize: 14
                    onClicked: {
                        picker.app.playback.setDevice(modelData)
                        menu.close()
                    }
                }
            }
        }
    }
}
