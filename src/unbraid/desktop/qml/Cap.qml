import QtQuick

// The name of a key, as on its cap.
Rectangle {
    property alias text: word.text

    implicitWidth: Math.max(22, word.implicitWidth + 12)
    implicitHeight: 21
    radius: 5
    color: Theme.hover
    border.color: Theme.rule
    Words { id: word; anchors.centerIn: parent; font.pixelSize: 11; color: Theme.quiet }
}
