import QtQuick
import QtQuick.Layouts
import "law.js" as Law

// Play and what surrounds it: time, loop, tempo, key, volume, limiter.
Item {
    id: bar

    required property var app
    required property real shown
    readonly property var playback: app.playback
    readonly property bool narrow: width < 1120

    implicitHeight: narrow ? 64 : 72

    component Heading: Words {
        font.pixelSize: Theme.small
        color: Theme.faint
    }

    RowLayout {
        anchors.fill: parent
        anchors.leftMargin: 16
        anchors.rightMargin: 16
        spacing: bar.narrow ? 14 : 26

        RowLayout {
            spacing: 4
            Press {
                objectName: "previous"
                glyph: "previous"; glyphSize: 17
                name: "Back to the start, or the song before"
                enabled: bar.playback.hasSong
                onClicked: bar.playback.previous()
            }
            Press {
                objectName: "play"
                Layout.preferredWidth: bar.narrow ? 40 : 44
                Layout.preferredHeight: Layout.preferredWidth
                glyph: bar.playback.isPlaying ? "pause" : "play"
                glyphSize: 22
                prominent: true
                radius: width / 2
                tint: Theme.accentFill
                enabled: bar.playback.hasSong || bar.app.songs.n > 0
                name: bar.playback.isPlaying ? "Pause" : "Play"
                keys: "Space"
                onClicked: bar.playback.toggle()
            }
            Press {
                objectName: "next"
                glyph: "next"; glyphSize: 17
                name: "Next song"
                enabled: bar.app.songs.n > 1
                onClicked: bar.playback.next()
            }
            Press {
                objectName: "stop"
                glyph: "stop"; glyphSize: 16
                name: "Stop"
                enabled: bar.playback.hasSong
                onClicked: bar.playback.stop()
            }
            Press {
                objectName: "loop"
                glyph: "loop"; glyphSize: 18
                name: bar.playback.hasLoop ? "Loop off" : "Loop on"
                keys: "L"
                enabled: bar.playback.hasSong
                toggles: true
                on: bar.playback.hasLoop
                tint: Theme.accentFill
                onClicked: bar.playback.toggleLoop()
            }
        }
        RowLayout {
            spacing: 7
            Words {
                objectName: "time"
                text: Law.time(bar.shown, 1)
                font.pixelSize: bar.narrow ? 21 : 25
                font.weight: Font.Medium
                font.letterSpacing: -0.4
                Layout.preferredWidth: (bar.narrow ? 72 : 86) + (bar.playback.duration >= 3600 ? 36 : 0)
                horizontalAlignment: Text.AlignRight
                elide: Text.ElideNone
                Accessible.role: Accessible.StaticText
                Accessible.name: "Position " + text
            }
            Words {
                text: "/ " + Law.time(bar.playback.duration)
                color: Theme.quiet
                font.pixelSize: bar.narrow ? 12 : 14
                Layout.topMargin: bar.narrow ? 5 : 7
                Layout.preferredWidth: bar.narrow ? 44 : 54
            }
        }
        Item { Layout.fillWidth: true }
        ColumnLayout {
            Layout.fillWidth: false
            spacing: 1
            RowLayout {
                Heading { text: "Tempo"; Layout.fillWidth: true }
                Heading { text: Math.round(bar.playback.tempo * 100) + " %"; color: bar.playback.tempo === 1 ? Theme.faint : Theme.accent }
            }
            Slide {
                objectName: "tempo"
                Layout.preferredWidth: bar.narrow ? 100 : 136
                name: "Tempo"
                keys: ", ."
                valueText: Math.round(bar.playback.tempo * 100) + " %"
                from: 0.5
                to: 1.5
                rest: 1
                origin: 1
                stepSize: 0.05
                value: bar.playback.tempo
                enabled: bar.playback.hasSong
                tint: Theme.accent
                onChosen: at => bar.playback.setTempo(Math.round(at * 100) / 100)
            }
        }
        ColumnLayout {
            Layout.fillWidth: false
            spacing: 1
            RowLayout {
                Heading { text: "Key"; Layout.fillWidth: true }
            }
            RowLayout {
                spacing: 0
                Press {
                    objectName: "key-down"
                    glyph: "minus"; glyphSize: 12; implicitWidth: 24; implicitHeight: 22
                    framed: true
                    name: "A semitone lower"; keys: "Shift+,"
                    enabled: bar.playback.hasSong && bar.playback.key > -12
                    onClicked: bar.playback.setKey(bar.playback.key - 1)
                }
                Press {
                    objectName: "key-rest"
                    implicitWidth: 34
                    implicitHeight: 22
                    text: Law.semitones(bar.playback.key)
                    font.pixelSize: 12
                    inkColour: bar.playback.key ? Theme.accent : Theme.ink
                    name: "Key in semitones: press for the song's own"
                    enabled: bar.playback.hasSong
                    onClicked: bar.playback.setKey(0)
                }
                Press {
                    objectName: "key-up"
                    glyph: "add"; glyphSize: 12; implicitWidth: 24; implicitHeight: 22
                    framed: true
                    name: "A semitone higher"; keys: "Shift+."
                    enabled: bar.playback.hasSong && bar.playback.key < 12
                    onClicked: bar.playback.setKey(bar.playback.key + 1)
                }
            }
        }
        ColumnLayout {
            Layout.fillWidth: false
            spacing: 1
            RowLayout {
                Heading { text: "Volume"; Layout.fillWidth: true }
                Heading { text: Law.decibels(bar.playback.volume) + " dB"; color: Theme.faint }
            }
            Slide {
                objectName: "volume"
                Layout.preferredWidth: bar.narrow ? 104 : 140
                name: "Volume"
                keys: "↑ ↓"
                valueText: Law.decibels(bar.playback.volume) + " dB"
                value: Law.positionOf(bar.playback.volume)
                rest: Law.UNITY
                stepSize: 0.02
                onChosen: at => bar.playback.setVolume(Math.abs(at - Law.UNITY) < 0.012 ? 0 : Law.gainAt(at))
            }
        }
        ColumnLayout {
            Layout.fillWidth: false
            spacing: 6
            Meter {
                Layout.preferredWidth: bar.narrow ? 82 : 94
                Layout.preferredHeight: 6
                upright: false
                name: "Meter of what is heard"
                peak: bar.playback.levels[12]
                rms: bar.playback.levels[13]
                held: bar.playback.levels[14]
            }
            Press {
                objectName: "limiter"
                Layout.preferredWidth: bar.narrow ? 82 : 94
                implicitHeight: 22
                framed: true
                text: "Limiter"
                font.pixelSize: 11
                inkColour: bar.playback.limiter ? Theme.ink : Theme.faint
                on: bar.playback.limiter
                name: bar.playback.limiter
                    ? "Limiter on: true peaks stay below −1 dB; the lamp shows when it acts"
                    : "Limiter off: above full scale the sound device clips"
                onClicked: bar.playback.setLimiter(!bar.playback.limiter)

                Rectangle {
                    objectName: "limiter-lamp"
                    x: 8
                    anchors.verticalCenter: parent.verticalCenter
                    width: 8
                    height: 8
                    radius: 4
                    color: bar.playback.limiterActs ? Theme.accentFill
                        : bar.playback.limiter ? Theme.faint : "transparent"
                    border.width: bar.playback.limiter ? 0 : 1
                    border.color: Theme.faint
                }
            }
        }
    }
}
