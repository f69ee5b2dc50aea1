import QtQuick
import QtQuick.Controls.Basic

// What a control is called, and its key.
ToolTip {
    id: tip

    property string keys

    delay: 600
    timeout: 8000
    padding: 6
    leftPadding: 10
    rightPadding: keys ? 6 : 10
    contentItem: Row {
        spacing: 9
        Words {
            objectName: "tip"
            anchors.verticalCenter: parent.verticalCenter
            text: tip.text
            font.pixelSize: 12
        }
        Cap { visible: tip.keys !== ""; text: tip.keys }
    }
    background: Rectangle { color: Theme.raised; border.color: Theme.rule; radius: 6 }
}
