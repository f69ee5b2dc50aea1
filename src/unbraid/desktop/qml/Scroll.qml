import QtQuick

// The whole song as a line: how much of it is separated, what the lanes show, where it plays.
Item {
    id: bar

    required property var playback
    required property View view
    required property real shown
    signal moved()

    function xOf(second) { return view.duration > 0 ? second / view.duration * width : 0 }

    visible: true
    Accessible.role: Accessible.ScrollBar
    Accessible.name: "Part of the song in view"

    Rectangle {
        anchors.verticalCenter: parent.verticalCenter
        width: parent.width
        height: 2
        color: Theme.rule
        Rectangle {
            width: Math.round(parent.width * bar.playback.doneFraction)
            height: parent.height
            color: Theme.tick
        }
    }
    Rectangle {
        visible: !bar.view.fitted && bar.playback.hasSong
        anchors.verticalCenter: parent.verticalCenter
        x: bar.xOf(bar.view.origin)
        width: Math.max(14, bar.xOf(bar.view.span))
        height: 6
        radius: 3
        color: mouse.containsMouse || mouse.pressed ? Theme.quiet : Theme.faint
    }
    Rectangle {
        visible: !bar.view.fitted && bar.playback.hasSong
        anchors.verticalCenter: parent.verticalCenter
        x: Math.round(bar.xOf(bar.shown)) - 1
        width: 2
        height: 8
        color: Theme.ink
    }
    MouseArea {
        id: mouse

        anchors.fill: parent
        enabled: !bar.view.fitted
        hoverEnabled: true
        onPositionChanged: event => { if (pressed) go(event.x) }
        onPressed: event => go(event.x)
        function go(x) {
            bar.moved()
            bar.view.scroll(x / bar.width * bar.view.duration - bar.view.span / 2)
        }
    }
}
