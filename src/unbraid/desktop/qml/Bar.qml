import QtQuick
import QtQuick.Layouts

// The quiet bar: what went wrong and what to do.
Rectangle {
    id: bar

    required property var messages
    readonly property bool shown: messages.text !== ""

    objectName: "bar"
    width: Math.min(parent.width - 40, Math.max(280, line.implicitWidth + 112))
    height: Math.max(42, line.height + 18)
    radius: 9
    color: messages.isError ? Theme.errorPlate : Theme.raised
    border.color: messages.isError ? Qt.alpha(Theme.error, 0.45) : Theme.rule
    opacity: shown ? 1 : 0
    visible: opacity > 0
    Behavior on opacity { NumberAnimation { duration: 160 } }
    Accessible.role: Accessible.AlertMessage
    Accessible.name: messages.text

    RowLayout {
        anchors.fill: parent
        anchors.leftMargin: 14
        anchors.rightMargin: 8
        spacing: 11
        Icon {
            visible: bar.messages.isError
            glyph: "warning"
            size: 17
            colour: Theme.error
        }
        Words {
            id: line

            objectName: "bar-text"
            Layout.fillWidth: true
            text: bar.messages.text
            wrapMode: Text.Wrap
            maximumLineCount: 3
        }
        Press {
            objectName: "bar-close"
            glyph: "close"; glyphSize: 12; implicitWidth: 26; implicitHeight: 26
            name: "Close this message"; keys: "Esc"
            onClicked: bar.messages.close()
        }
    }
}
