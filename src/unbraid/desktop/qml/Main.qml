import QtQuick
import QtQuick.Controls.Basic
import QtQuick.Dialogs
import QtQuick.Layouts

// The window.
ApplicationWindow {
    id: window

    required property var app
    readonly property var playback: app.playback
    readonly property bool covered: exportSheet.shown || keysSheet.shown || (blindSheet.shown && !app.blind.isRunning)
    readonly property bool arrowsAreTaken: activeFocusItem !== null && activeFocusItem.takesArrows === true
    readonly property bool narrow: width < 1000

    width: app.size.width
    height: app.size.height
    minimumWidth: app.least.width
    minimumHeight: app.least.height
    visible: true
    color: Theme.ground
    title: playback.hasSong ? [playback.title, playback.artist].filter(part => part).join(" – ") : "unbraid"
    palette.toolTipBase: Theme.raised
    palette.toolTipText: Theme.ink
    palette.window: Theme.ground
    palette.windowText: Theme.ink
    palette.base: Theme.raised
    palette.text: Theme.ink
    palette.button: Theme.raised
    palette.buttonText: Theme.ink
    palette.highlight: Theme.accentFill
    palette.mid: Theme.faint
    palette.dark: Theme.quiet

    property bool leaves
    onClosing: close => {
        if (app.exports.isRunning && !leaves) {
            close.accepted = false
            leaves = true
            app.messages.say("An export is under way; close again to give it up")
        } else {
            app.exports.cancel()
        }
    }
    Connections {
        target: window.app.exports
        function onChanged() { window.leaves = window.leaves && window.app.exports.isRunning }
    }

    Binding { target: Theme; property: "look"; value: window.app.look }

    function askForSongs() { songDialog.active = true }

    // A sheet is made when it is first asked for.
    component Late: Loader {
        readonly property bool shown: item !== null && item.visible

        active: false
        function open() {
            active = true
            item.open()
        }
    }

    ColumnLayout {
        anchors.fill: parent
        spacing: 0

        Header {
            Layout.fillWidth: true
            app: window.app
            onExportAsked: exportSheet.open()
            onBlindAsked: blindSheet.open()
            onKeysAsked: keysSheet.open()
            onOpenAsked: window.askForSongs()
        }
        Hairline {}
        RowLayout {
            Layout.fillWidth: true
            Layout.fillHeight: true
            spacing: 0

            Item {
                Layout.fillWidth: true
                Layout.fillHeight: true

                Stage {
                    id: stage

                    anchors.fill: parent
                    app: window.app
                    visible: window.playback.hasSong
                }
                Empty {
                    anchors.fill: parent
                    app: window.app
                    visible: !window.playback.hasSong
                    onOpenAsked: window.askForSongs()
                }
            }
            Rectangle {
                Layout.preferredWidth: 1
                Layout.fillHeight: true
                color: Theme.rule
                visible: window.app.hasPlaylist
            }
            Playlist {
                id: playlist

                Layout.preferredWidth: window.narrow ? 220 : 270
                Layout.fillHeight: true
                visible: window.app.hasPlaylist
                app: window.app
                onOpenAsked: window.askForSongs()
            }
        }
        Hairline { visible: !window.playback.hasSong }
        Transport {
            Layout.fillWidth: true
            app: window.app
            shown: stage.asked >= 0 ? stage.asked : stage.shown
        }
        Hairline {}
        Status {
            Layout.fillWidth: true
            app: window.app
        }
    }
    Bar {
        messages: window.app.messages
        anchors.horizontalCenter: parent.horizontalCenter
        anchors.bottom: parent.bottom
        anchors.bottomMargin: 118
        z: 10
    }
    DropArea {
        id: drop

        objectName: "drop"
        anchors.fill: parent
        keys: ["text/uri-list"]
        onDropped: event => {
            window.app.songs.addUrls(event.urls, playlist.placeAt(drop, event.x, event.y), !window.playback.isPlaying)
            event.accept()
        }

        Rectangle {
            anchors.fill: parent
            anchors.margins: 10
            visible: drop.containsDrag
            color: Qt.alpha(Theme.ground, 0.86)
            radius: 12
            border.color: Theme.accent
            border.width: 2
            Words {
                anchors.centerIn: parent
                text: window.playback.isPlaying ? "Add to the playlist" : "Play"
                font.pixelSize: 22
                font.weight: Font.DemiBold
            }
        }
    }

    Late { id: exportSheet; sourceComponent: ExportSheet { app: window.app } }
    Late { id: blindSheet; sourceComponent: BlindSheet { app: window.app } }
    Late { id: keysSheet; sourceComponent: KeysSheet {} }
    Loader {
        id: songDialog

        active: false
        sourceComponent: FileDialog {
            title: "Open songs"
            fileMode: FileDialog.OpenFiles
            Component.onCompleted: open()
            onAccepted: {
                window.app.songs.addUrls(selectedFiles, -1, true)
                songDialog.active = false
            }
            onRejected: songDialog.active = false
        }
    }

    component Key: Shortcut {
        context: Qt.WindowShortcut
        enabled: !window.covered
        // On a real keyboard Shift and 1 are both "Shift+1" and "!", which Qt takes for two.
        onActivatedAmbiguously: activated()
    }

    Key { sequence: "Space"; autoRepeat: false; onActivated: window.playback.toggle() }
    Key { sequence: "Left"; enabled: !window.covered && !window.arrowsAreTaken; onActivated: window.playback.seekBy(-5) }
    Key { sequence: "Right"; enabled: !window.covered && !window.arrowsAreTaken; onActivated: window.playback.seekBy(5) }
    Key { sequence: "Shift+Left"; onActivated: window.playback.seekBy(-1) }
    Key { sequence: "Shift+Right"; onActivated: window.playback.seekBy(1) }
    Key { sequence: "Up"; enabled: !window.covered && !window.arrowsAreTaken; onActivated: window.playback.nudgeVolume(1) }
    Key { sequence: "Down"; enabled: !window.covered && !window.arrowsAreTaken; onActivated: window.playback.nudgeVolume(-1) }
    Key { sequence: "["; onActivated: window.playback.startLoopHere() }
    Key { sequence: "]"; onActivated: window.playback.endLoopHere() }
    Key { sequence: "L"; onActivated: window.playback.toggleLoop() }
    Key { sequence: "M"; enabled: !window.covered && !window.app.blind.isRunning; onActivated: window.app.models.chooseNext() }
    Key { sequence: "A"; onActivated: window.app.blind.isRunning ? window.app.blind.hear("A") : window.app.models.chooseA() }
    Key { sequence: "B"; onActivated: window.app.blind.isRunning ? window.app.blind.hear("B") : window.app.models.chooseB() }
    Key { sequence: "O"; onActivated: window.askForSongs() }
    Key { sequence: "E"; enabled: !window.covered && window.playback.hasSong; onActivated: exportSheet.open() }
    Key { sequence: "P"; onActivated: window.app.setPlaylist(!window.app.hasPlaylist) }
    Key { sequence: "N"; onActivated: window.playback.next() }
    Key { sequence: "Shift+N"; onActivated: window.playback.previous() }
    Key { sequence: ","; onActivated: window.playback.setTempo(Math.round(window.playback.tempo * 20 - 1) / 20) }
    Key { sequence: "."; onActivated: window.playback.setTempo(Math.round(window.playback.tempo * 20 + 1) / 20) }
    Key { sequences: ["<", "Shift+<", "Shift+,"]; onActivated: window.playback.setKey(window.playback.key - 1) }
    Key { sequences: [">", "Shift+>", "Shift+."]; onActivated: window.playback.setKey(window.playback.key + 1) }
    Key { sequences: ["+", "Shift++", "="]; onActivated: stage.zoomBy(1.6) }
    Key { sequence: "-"; onActivated: stage.zoomBy(1 / 1.6) }
    Key { sequence: "0"; onActivated: stage.view.fit() }
    Key {
        sequences: ["F", StandardKey.FullScreen]
        onActivated: window.visibility = window.visibility === Window.FullScreen ? Window.Windowed : Window.FullScreen
    }
    Shortcut {
        sequences: ["?", "Shift+?", "F1"]
        onActivated: keysSheet.open()
        onActivatedAmbiguously: activated()
    }
    Key {
        sequence: "Escape"
        onActivated: {
            if (window.app.messages.text)
                window.app.messages.close()
            else if (window.visibility === Window.FullScreen)
                window.visibility = Window.Windowed
            else if (window.activeFocusItem)
                window.activeFocusItem.focus = false
        }
    }
    Shortcut { sequences: [StandardKey.Quit, StandardKey.Close]; onActivated: window.close() }
    Repeater {
        model: window.app.lanes.all

        Item {
            id: keysOfLane

            required property var modelData
            // What Shift and a digit give differs between keyboards.
            readonly property var shifted: [["Shift+1", "!"], ["Shift+2", "@", "\""], ["Shift+3", "#", "§"], ["Shift+4", "$"]]

            Key {
                sequence: String(keysOfLane.modelData.index + 1)
                onActivated: keysOfLane.modelData.toggleMute()
            }
            Key {
                sequences: keysOfLane.shifted[keysOfLane.modelData.index]
                onActivated: keysOfLane.modelData.toggleSolo()
            }
        }
    }
}
