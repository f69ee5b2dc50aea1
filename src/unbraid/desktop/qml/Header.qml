import QtQuick
import QtQuick.Layouts
import "law.js" as Law

// What plays, with which model.
Item {
    id: header

    required property var app
    readonly property var playback: app.playback
    readonly property bool narrow: width < 1060
    signal exportAsked()
    signal blindAsked()
    signal keysAsked()
    signal openAsked()

    implicitHeight: narrow ? 68 : 80

    RowLayout {
        anchors.fill: parent
        anchors.leftMargin: 16
        anchors.rightMargin: 14
        spacing: 14

        Rectangle {
            Layout.preferredWidth: header.narrow ? 46 : 54
            Layout.preferredHeight: Layout.preferredWidth
            color: Theme.plate
            radius: 4
            clip: true
            Image {
                objectName: "cover"
                anchors.fill: parent
                visible: header.playback.hasCover
                source: header.playback.hasCover ? "image://sound/cover/" + header.playback.song : ""
                fillMode: Image.PreserveAspectCrop
                mipmap: true
                Accessible.role: Accessible.Graphic
                Accessible.name: "Cover"
            }
            Mark {
                visible: !header.playback.hasCover
                anchors.centerIn: parent
                lanes: header.app.lanes.all
                size: parent.width * 0.66
                opacity: header.playback.hasSong ? 0.9 : 0.5
            }
        }
        ColumnLayout {
            Layout.fillWidth: true
            Layout.minimumWidth: 120
            spacing: 1
            Words {
                objectName: "title"
                Layout.fillWidth: true
                text: header.playback.title || (header.playback.hasSong ? "" : "unbraid")
                font.pixelSize: Theme.large
                font.weight: Font.DemiBold
                font.letterSpacing: -0.2
            }
            Words {
                Layout.fillWidth: true
                text: header.playback.hasSong
                    ? [header.playback.artist, header.playback.album].filter(part => part).join("  ·  ")
                    : "Takes a song apart while it plays"
                visible: text !== ""
                color: Theme.quiet
            }
        }
        ModelPicker {
            app: header.app
            Layout.preferredWidth: header.narrow ? 150 : 190
        }
        Choice {
            id: ab

            readonly property string heard: header.playback.modelWanted || header.playback.model
            readonly property bool onB: heard === header.app.models.compared

            objectName: "ab"
            enabled: !header.app.blind.isRunning
            names: ["A", "B"]
            tips: ["Hear the model", "Hear " + header.app.models.compared + " at the same sample"]
            keysOf: ["A", "B"]
            current: onB ? 1 : 0
            onChosen: index => index ? header.app.models.chooseB() : header.app.models.chooseA()
        }
        RowLayout {
            spacing: 2
            Press {
                objectName: "blind"
                glyph: "blind"
                name: "Blind test: compare models without their names"
                on: header.app.blind.isRunning
                inkColour: on ? Theme.accent : Theme.ink
                enabled: header.playback.hasSong
                onClicked: header.blindAsked()
            }
            Press {
                objectName: "open"
                glyph: "folder"
                name: "Open songs"
                keys: "O"
                onClicked: header.openAsked()
            }
            Press {
                objectName: "export"
                glyph: "export"
                name: "Export stems or the mix"
                keys: "E"
                enabled: header.playback.hasSong
                onClicked: header.exportAsked()
            }
            Press {
                objectName: "look"
                glyph: ({ "system": "auto", "dark": "moon", "light": "sun" })[header.app.look]
                name: ({ "system": "Looks like the system", "dark": "Dark", "light": "Light" })[header.app.look]
                onClicked: header.app.setLook(({ "system": Theme.dark ? "light" : "dark",
                    "dark": Theme.dark ? "light" : "system", "light": "system" })[header.app.look])
            }
            Press {
                objectName: "keys"
                glyph: "keys"
                name: "All keys"
                keys: "?"
                onClicked: header.keysAsked()
            }
            Press {
                objectName: "playlist-button"
                glyph: "list"
                name: header.app.hasPlaylist ? "Hide the playlist" : "Show the playlist"
                keys: "P"
                on: header.app.hasPlaylist
                inkColour: on ? Theme.accent : Theme.ink
                onClicked: header.app.setPlaylist(!header.app.hasPlaylist)
            }
        }
    }
}
