import QtQuick
import QtQuick.Templates as T

// A button: a drawing, a word or both. `on` lights it; Return presses it where Space plays.
T.AbstractButton {
    id: control

    property string name
    property string keys
    property string glyph
    property bool on
    property bool toggles
    property bool prominent
    property bool framed
    property bool opensList
    property bool quiet  // without its tip, as while its list is open
    property color tint: Theme.accent
    property color tintInk: Theme.accentInk
    property color inkColour: Theme.ink
    property real glyphSize: 18
    property real radius: 6
    readonly property bool filled: prominent || (on && toggles)
    readonly property real aside: (glyph ? glyphSize + 7 : 0) + (opensList ? 19 : 0) + 22

    implicitWidth: text ? Math.ceil(words.implicitWidth) + aside : Math.max(30, glyphSize + 12)
    implicitHeight: 30
    focusPolicy: Qt.TabFocus
    hoverEnabled: true
    opacity: enabled ? 1 : 0.38
    Keys.onReturnPressed: click()
    Keys.onEnterPressed: click()

    Accessible.role: Accessible.Button
    Accessible.name: name || text
    Accessible.checkable: toggles
    Accessible.checked: on
    Accessible.description: keys
    Accessible.onPressAction: click()

    Loader {
        active: control.name !== "" && control.hovered && !control.quiet
        sourceComponent: Tip {
            parent: control
            visible: control.hovered && !control.pressed
            text: control.name
            keys: control.keys
        }
    }

    background: Rectangle {
        radius: control.radius
        color: control.filled ? control.tint
            : control.pressed ? Theme.pressed
            : control.hovered ? Theme.hover
            : control.framed ? Theme.raised : "transparent"
        border.width: control.framed && !control.filled ? 1 : 0
        border.color: Theme.rule

        Rectangle {
            anchors.fill: parent
            color: control.pressed ? "#000000" : "#ffffff"
            opacity: control.filled && (control.hovered || control.pressed) ? 0.12 : 0
            radius: parent.radius
        }
        FocusRing { shown: control.visualFocus; radius: parent.radius + 3 }
    }
    contentItem: Item {
        Row {
            id: row

            readonly property color ink: control.filled ? control.tintInk : control.inkColour

            anchors.centerIn: parent
            spacing: 7
            Icon {
                visible: control.glyph !== ""
                anchors.verticalCenter: parent.verticalCenter
                glyph: control.glyph
                size: control.glyphSize
                colour: row.ink
            }
            Words {
                id: words

                visible: text !== ""
                anchors.verticalCenter: parent.verticalCenter
                width: Math.min(Math.ceil(implicitWidth), Math.max(8, control.width - control.aside + 12))
                text: control.text
                color: row.ink
                font: control.font
            }
            Icon {
                visible: control.opensList
                anchors.verticalCenter: parent.verticalCenter
                glyph: "chevron"
                size: 12
                colour: Theme.quiet
            }
        }
    }
    font.pixelSize: Theme.body
    font.weight: Font.Medium
}
