import QtQuick
import QtQuick.Templates as T

// A slider. A double click puts it back to `rest`; arrows move it while it has the focus.
T.Slider {
    id: control

    property string name
    property string keys
    property string valueText
    property real rest: 0
    property real origin: from  // where the filled part begins
    property color tint: Theme.ink
    property bool marksRest: true
    property real thickness: 3
    property bool takesArrows: true
    signal chosen(real value)

    function place(at) { return from === to ? 0 : (at - from) / (to - from) }

    implicitWidth: 120
    implicitHeight: 22
    focusPolicy: Qt.TabFocus
    hoverEnabled: true
    wheelEnabled: false
    opacity: enabled ? 1 : 0.38
    onMoved: chosen(value)

    Accessible.role: Accessible.Slider
    Accessible.name: name
    Accessible.description: valueText
    Accessible.onIncreaseAction: { increase(); chosen(value) }
    Accessible.onDecreaseAction: { decrease(); chosen(value) }

    // The slider takes the presses, so two in one place are told apart here.
    PointHandler {
        property double pressedAt: 0
        property point place
        property bool twice

        onActiveChanged: {
            if (active) {
                const now = Date.now(), here = point.scenePressPosition
                twice = now - pressedAt < Application.styleHints.mouseDoubleClickInterval
                    && Math.abs(here.x - place.x) + Math.abs(here.y - place.y) < 6
                pressedAt = now
                place = here
            } else if (twice) {
                pressedAt = 0
                Qt.callLater(() => control.chosen(control.rest))
            }
        }
    }
    Loader {
        active: control.hovered || control.pressed
        sourceComponent: Tip {
            parent: control
            visible: control.hovered && !control.pressed
            text: control.name + (control.valueText ? "  " + control.valueText : "")
            keys: control.keys
        }
    }

    background: Item {
        implicitHeight: 22

        Rectangle {
            id: groove

            readonly property real inset: control.handle.width / 2
            readonly property real travel: width - 2 * inset

            width: parent.width
            height: control.thickness
            anchors.verticalCenter: parent.verticalCenter
            radius: height / 2
            color: Theme.pressed
            Rectangle {
                readonly property real a: groove.inset + groove.travel * control.place(control.origin)
                readonly property real b: groove.inset + groove.travel * control.visualPosition

                x: control.origin === control.from ? 0 : Math.min(a, b)
                width: Math.max(a, b) - x
                height: parent.height
                radius: parent.radius
                color: control.tint
            }
        }
        Rectangle {
            visible: control.marksRest
            x: groove.inset + groove.travel * control.place(control.rest) - 0.5
            anchors.verticalCenter: parent.verticalCenter
            width: 1
            height: 11
            color: Theme.tick
        }
    }
    handle: Rectangle {
        x: control.visualPosition * (control.availableWidth - width)
        y: (control.height - height) / 2
        implicitWidth: 8
        implicitHeight: 16
        radius: 3
        color: control.pressed ? Theme.accent : Theme.ink
        border.color: Theme.ground
        border.width: 1
        scale: control.hovered || control.pressed ? 1.1 : 1
        FocusRing { shown: control.visualFocus; radius: 6 }
    }
}
