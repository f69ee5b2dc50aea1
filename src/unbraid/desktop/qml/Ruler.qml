import QtQuick
import "law.js" as Law

// Times, the loop, and where it is made: a drag makes one, its ends can be moved, a click seeks.
Item {
    id: ruler

    required property var app
    required property View view
    signal wheeled(var event, real x)
    readonly property var playback: app.playback
    readonly property real step: {
        const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800]
        return steps.find(s => s * view.scale >= 72) || 3600
    }
    property real dragFrom: -1
    property real dragTo: -1
    readonly property bool dragging: dragTo >= 0

    clip: true
    Accessible.role: Accessible.Indicator
    Accessible.name: "Ruler: drag to loop, click to seek"

    Repeater {
        model: ruler.playback.hasSong ? Math.ceil(ruler.view.span / ruler.step) + 2 : 0

        Item {
            required property int index
            readonly property real second: (Math.floor(ruler.view.origin / ruler.step) + index) * ruler.step

            visible: second <= ruler.view.duration + 1e-6
            x: ruler.view.xOf(second)
            height: ruler.height
            Rectangle { y: parent.height - 5; width: 1; height: 5; color: Theme.tick }
            Words {
                x: 5
                height: parent.height - 2
                text: Law.time(parent.second, ruler.step < 1 ? 1 : 0)
                font.pixelSize: Theme.small
                color: Theme.quiet
            }
        }
    }
    Rectangle {
        id: loop

        readonly property real a: ruler.dragging ? Math.min(ruler.dragFrom, ruler.dragTo) : ruler.playback.loopStart
        readonly property real b: ruler.dragging ? Math.max(ruler.dragFrom, ruler.dragTo) : ruler.playback.loopEnd

        visible: a >= 0 && b > a
        x: ruler.view.xOf(a)
        width: Math.max(2, ruler.view.xOf(b) - x)
        height: parent.height
        color: Qt.alpha(Theme.accent, 0.3)
        Rectangle { width: 2; height: parent.height; color: Theme.accent }
        Rectangle { anchors.right: parent.right; width: 2; height: parent.height; color: Theme.accent }
    }
    Rectangle {
        visible: ruler.playback.loopMark >= 0
        x: ruler.view.xOf(ruler.playback.loopMark)
        width: 2
        height: parent.height
        color: Theme.accent
    }
    MouseArea {
        id: mouse

        property real pressedAt: 0
        property string grip: ""

        function gripAt(x) {
            if (!loop.visible)
                return ""
            if (Math.abs(x - loop.x) < 6)
                return "start"
            return Math.abs(x - loop.x - loop.width) < 6 ? "end" : ""
        }

        objectName: "ruler"
        anchors.fill: parent
        enabled: ruler.playback.hasSong
        hoverEnabled: true
        preventStealing: true
        cursorShape: containsMouse && gripAt(mouseX) ? Qt.SizeHorCursor : Qt.IBeamCursor
        onPressed: event => {
            pressedAt = event.x
            grip = gripAt(event.x)
        }
        onPositionChanged: event => {
            if (!pressed || (!ruler.dragging && Math.abs(event.x - pressedAt) < 4))
                return
            if (!ruler.dragging)
                ruler.dragFrom = grip === "start" ? ruler.playback.loopEnd
                    : grip === "end" ? ruler.playback.loopStart : ruler.view.secondAt(pressedAt)
            ruler.dragTo = ruler.view.secondAt(event.x)
        }
        onReleased: event => {
            if (ruler.dragging)
                ruler.playback.setLoop(loop.a, loop.b)
            else
                ruler.playback.seek(ruler.view.secondAt(event.x))
            ruler.dragFrom = ruler.dragTo = -1
        }
        onCanceled: ruler.dragFrom = ruler.dragTo = -1
        onDoubleClicked: event => {
            const second = ruler.view.secondAt(event.x)
            if (second >= ruler.playback.loopStart && second <= ruler.playback.loopEnd)
                ruler.playback.clearLoop()
        }
        onWheel: event => ruler.wheeled(event, mouseX)
    }
}
