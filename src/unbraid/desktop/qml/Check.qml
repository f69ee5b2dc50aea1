import QtQuick

// A box to tick, with its words.
Press {
    id: check

    property color mark: Theme.accentFill

    toggles: false
    implicitWidth: label.implicitWidth + 34
    implicitHeight: 28
    background: Item { FocusRing { shown: check.visualFocus; radius: 6; anchors.margins: 0 } }
    Accessible.role: Accessible.CheckBox
    Accessible.checkable: true
    contentItem: Item {
        implicitWidth: label.implicitWidth + 26

        Rectangle {
            id: box

            anchors.verticalCenter: parent.verticalCenter
            width: 17
            height: 17
            radius: 4
            color: check.on ? check.mark : Theme.raised
            border.color: check.on ? check.mark : check.hovered ? Theme.quiet : Theme.faint
            Icon { anchors.centerIn: parent; visible: check.on; glyph: "check"; size: 14; colour: Theme.dark ? "#131313" : "#ffffff" }
        }
        Words {
            id: label

            anchors.verticalCenter: parent.verticalCenter
            x: 26
            width: parent.width - 26
            text: check.text
        }
    }
}
