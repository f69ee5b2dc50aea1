import QtQuick
import QtQuick.Controls.Basic

TextField {
    id: field

    property string name

    implicitHeight: 32
    leftPadding: 10
    rightPadding: 10
    font.pixelSize: Theme.body
    color: Theme.ink
    placeholderTextColor: Theme.faint
    selectionColor: Theme.accentFill
    selectedTextColor: Theme.accentInk
    selectByMouse: true
    verticalAlignment: TextInput.AlignVCenter
    Accessible.name: name
    background: Rectangle {
        radius: 6
        color: Theme.raised
        border.color: field.activeFocus ? Theme.accent : Theme.rule
        border.width: field.activeFocus ? 2 : 1
    }
    ToolTip.visible: false
}
