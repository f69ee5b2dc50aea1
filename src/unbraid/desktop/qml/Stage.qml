import QtQuick
import QtQuick.Layouts
import "law.js" as Law

// Ruler and lanes, the playhead and the loop across them, zoom and scroll.
Item {
    id: stage

    objectName: "stage"
    required property var app
    readonly property var playback: app.playback
    readonly property int stripWidth: width < 720 ? 206 : 236
    readonly property real laneWidth: width - stripWidth
    readonly property View view: View {
        duration: stage.playback.duration
        width: Math.max(1, stage.laneWidth)
    }
    readonly property bool smooth: GraphicsInfo.api !== GraphicsInfo.Software
    property real shown: 0  // the second that the playhead stands at
    property double shownAt: 0
    property real asked: -1  // where the pointer drags the playhead

    function wheel(event, x) {
        const turns = event.angleDelta, sideways = Math.abs(turns.x) > Math.abs(turns.y)
        if (sideways || event.modifiers & Qt.ShiftModifier)
            view.scroll(view.origin - (sideways ? turns.x : turns.y) / 120 * 90 / view.scale)
        else
            view.zoom(Math.pow(1.2, turns.y / 120), x)
        following = false
    }
    // Between two looks at the player the playhead goes on by itself, and is drawn to where it
    // should be; a jump is taken as one.
    function advance() {
        const now = Date.now(), passed = Math.min(0.5, (now - shownAt) / 1000)
        shownAt = now
        const target = playback.position
        if (!playback.isPlaying) {
            shown = target
        } else {
            const next = shown + passed * playback.tempo
            const off = target - next
            shown = Math.abs(off) > 0.12 ? target : next + off * 0.12
        }
        if (following && app.follows && asked < 0)
            follow()
    }
    property bool following: true
    function follow() {
        if (view.fitted)
            return
        const x = view.xOf(shown)
        if (x < 0 || x > laneWidth * 0.92)
            glide.go(Math.max(0, shown - view.span * 0.08))
    }
    function zoomBy(factor) {
        const x = view.xOf(shown)
        view.zoom(factor, x >= 0 && x <= laneWidth ? x : laneWidth / 2)
    }

    Connections {
        target: stage.playback
        function onTicked() { if (!stage.smooth || !stage.playback.isPlaying) stage.advance() }
        function onSongChanged() {
            stage.view.fit()
            stage.following = true
            stage.advance()
        }
        function onStateChanged() { stage.following = stage.following || !stage.playback.isPlaying }
    }
    FrameAnimation {
        running: stage.smooth && stage.playback.isPlaying && stage.visible
        onTriggered: stage.advance()
    }
    NumberAnimation {
        id: glide

        function go(second) {
            if (running)
                return
            from = stage.view.origin
            to = Math.min(second, Math.max(0, stage.view.duration - stage.view.span))
            if (Math.abs(to - from) * stage.view.scale > 1)
                start()
        }

        target: stage.view
        property: "origin"
        duration: 320
        easing.type: Easing.InOutCubic
    }

    ColumnLayout {
        anchors.fill: parent
        spacing: 0

        RowLayout {
            Layout.fillWidth: true
            Layout.fillHeight: false
            Layout.preferredHeight: 30
            spacing: 0

            RowLayout {
                Layout.fillWidth: false
                Layout.preferredWidth: stage.stripWidth
                Layout.maximumWidth: stage.stripWidth
                spacing: 2
                Item { Layout.preferredWidth: 8 }
                Press {
                    glyph: "minus"; glyphSize: 14; implicitHeight: 24; implicitWidth: 26
                    name: "Zoom out"; keys: "−"; objectName: "zoom-out"
                    enabled: stage.playback.hasSong && !stage.view.fitted
                    onClicked: stage.zoomBy(1 / 1.6)
                }
                Press {
                    glyph: "add"; glyphSize: 14; implicitHeight: 24; implicitWidth: 26
                    name: "Zoom in"; keys: "+"; objectName: "zoom-in"
                    enabled: stage.playback.hasSong
                    onClicked: stage.zoomBy(1.6)
                }
                Press {
                    glyph: "fit"; glyphSize: 15; implicitHeight: 24; implicitWidth: 26
                    name: "Show the whole song"; keys: "0"; objectName: "zoom-fit"
                    enabled: stage.playback.hasSong && !stage.view.fitted
                    onClicked: stage.view.fit()
                }
                Press {
                    glyph: "follow"; glyphSize: 15; implicitHeight: 24; implicitWidth: 26
                    name: "Follow the playhead"; objectName: "follow"
                    inkColour: stage.app.follows ? Theme.accent : Theme.quiet
                    on: stage.app.follows
                    onClicked: {
                        stage.app.setFollows(!stage.app.follows)
                        stage.following = true
                    }
                }
                Item { Layout.fillWidth: true }
                Press {
                    objectName: "reset"
                    visible: !stage.app.lanes.isUnity
                    glyph: "reset"; glyphSize: 14; implicitHeight: 24; implicitWidth: 26
                    name: "Put all faders back to rest"
                    inkColour: Theme.quiet
                    onClicked: stage.app.lanes.reset()
                }
                Item { Layout.preferredWidth: 8 }
            }
            Ruler {
                Layout.fillWidth: true
                Layout.fillHeight: true
                app: stage.app
                view: stage.view
                onWheeled: (event, x) => stage.wheel(event, x)
            }
        }
        Hairline {}
        Repeater {
            model: stage.app.lanes.all

            ColumnLayout {
                id: row

                required property var modelData

                Layout.fillWidth: true
                Layout.fillHeight: true
                Layout.preferredHeight: 1
                spacing: 0
                Lane {
                    Layout.fillWidth: true
                    Layout.fillHeight: true
                    app: stage.app
                    lane: row.modelData
                    view: stage.view
                    stripWidth: stage.stripWidth
                }
                Hairline {}
            }
        }
        Scroll {
            Layout.fillWidth: true
            Layout.leftMargin: stage.stripWidth
            Layout.preferredHeight: 12
            playback: stage.playback
            view: stage.view
            shown: stage.shown
            onMoved: stage.following = false
        }
    }

    // Over the lanes: the loop, the playhead, and the pointer.
    Item {
        id: over

        x: stage.stripWidth
        y: 31
        width: stage.laneWidth
        height: parent.height - y - 12
        clip: true
        visible: stage.playback.hasSong

        Rectangle {
            visible: stage.playback.loopStart >= 0
            x: stage.view.xOf(stage.playback.loopStart)
            width: stage.view.xOf(stage.playback.loopEnd) - x
            height: parent.height
            color: Qt.alpha(Theme.accent, 0.07)
            Rectangle { width: 1; height: parent.height; color: Qt.alpha(Theme.accent, 0.55) }
            Rectangle { anchors.right: parent.right; width: 1; height: parent.height; color: Qt.alpha(Theme.accent, 0.55) }
        }
        Rectangle {
            visible: pointer.containsMouse && stage.asked < 0
            x: pointer.mouseX
            width: 1
            height: parent.height
            color: Theme.faint
            opacity: 0.6
        }
        MouseArea {
            id: pointer

            property double soughtAt: 0

            function seek(x, always) {
                stage.asked = stage.view.secondAt(x)
                if (always || Date.now() - soughtAt > 120) {
                    soughtAt = Date.now()
                    stage.playback.seek(stage.asked)
                }
            }

            objectName: "lanes"
            anchors.fill: parent
            hoverEnabled: true
            preventStealing: true
            onPressed: event => {
                stage.playback.prepare(stage.view.secondAt(event.x))
                seek(event.x, true)
            }
            onPositionChanged: event => { if (pressed) seek(event.x, false) }
            onReleased: event => {
                seek(event.x, true)
                stage.asked = -1
                stage.following = true
            }
            onCanceled: stage.asked = -1
            onWheel: event => stage.wheel(event, mouseX)
        }
        PinchHandler {
            target: null
            onScaleChanged: delta => stage.view.zoom(delta, centroid.position.x)
        }
    }
    Item {
        readonly property real second: stage.asked >= 0 ? stage.asked : stage.shown

        objectName: "playhead"
        x: stage.stripWidth + Math.round(stage.view.xOf(second) * Screen.devicePixelRatio) / Screen.devicePixelRatio
        y: 16
        height: parent.height - y - 12
        visible: stage.playback.hasSong && x >= stage.stripWidth && x <= stage.width
        Rectangle { x: -0.5; y: 9; width: 1; height: parent.height - 9; color: Theme.ink }
        Rectangle { x: -4.5; width: 9; height: 9; radius: 4.5; color: Theme.ink }
    }
}
