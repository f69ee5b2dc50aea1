import QtQuick
import QtQuick.Controls.Basic

ToolTip {
    id: tip

    delay: 600
    timeout: 8000
    padding: 6
    leftPadding: 9
    rightPadding: 9
    contentItem: Words { objectName: "tip"; text: tip.text; font.pixelSize: 12 }
    background: Rectangle { color: Theme.raised; border.color: Theme.rule; radius: 5 }
}
