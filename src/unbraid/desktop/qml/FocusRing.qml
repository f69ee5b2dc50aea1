import QtQuick

Rectangle {
    property bool shown

    objectName: "focus-ring"
    anchors.fill: parent
    anchors.margins: -3
    visible: shown
    color: "transparent"
    radius: 8
    border.width: 2
    border.color: Theme.accent
}
