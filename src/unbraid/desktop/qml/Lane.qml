import QtQuick
import QtQuick.Layouts
import "law.js" as Law

// One stem: its controls, its meter and its waveform.
Item {
    id: strip

    required property var app
    required property var lane
    required property View view
    required property int stripWidth
    property bool spectrum
    readonly property var levels: app.playback.levels
    readonly property color colour: lane.colour
    readonly property string title: Law.capital(lane.stem)
    readonly property bool tight: height < 104

    Accessible.role: Accessible.Grouping
    Accessible.name: title

    RowLayout {
        width: strip.stripWidth
        height: parent.height
        spacing: 0

        Rectangle {
            Layout.preferredWidth: 3
            Layout.fillHeight: true
            Layout.topMargin: 10
            Layout.bottomMargin: 10
            radius: 1.5
            color: strip.colour
            opacity: strip.lane.isHeard ? 1 : 0.3
        }
        ColumnLayout {
            Layout.fillWidth: true
            Layout.leftMargin: 13
            Layout.rightMargin: 12
            Layout.alignment: Qt.AlignVCenter
            spacing: strip.tight ? 1 : 5

            RowLayout {
                spacing: 5
                Words {
                    Layout.fillWidth: true
                    text: strip.title
                    font.pixelSize: 14
                    font.weight: Font.DemiBold
                    opacity: strip.lane.isHeard ? 1 : 0.5
                }
                Toggle {
                    objectName: "mute-" + strip.lane.stem
                    text: "M"
                    on: strip.lane.mute
                    name: "Mute " + strip.lane.stem
                    keys: strip.lane.index + 1
                    tint: Theme.dark ? "#d9655b" : "#c2443a"
                    tintInk: "#ffffff"
                    onClicked: strip.lane.toggleMute()
                }
                Toggle {
                    objectName: "solo-" + strip.lane.stem
                    text: "S"
                    on: strip.lane.solo
                    name: "Solo " + strip.lane.stem
                    keys: "Shift+" + (strip.lane.index + 1)
                    tint: strip.colour
                    tintInk: "#131313"
                    onClicked: strip.lane.toggleSolo()
                }
                Toggle {
                    objectName: "spectrum-" + strip.lane.stem
                    glyph: strip.spectrum ? "wave" : "spectrum"
                    glyphSize: 14
                    name: strip.spectrum ? "Show the waveform of " + strip.lane.stem
                        : "Show the spectrogram of " + strip.lane.stem
                    onClicked: strip.spectrum = !strip.spectrum
                }
            }
            RowLayout {
                spacing: 8
                Slide {
                    objectName: "fader-" + strip.lane.stem
                    Layout.fillWidth: true
                    name: "Level of " + strip.lane.stem
                    valueText: Law.decibels(strip.lane.gain) + " dB"
                    value: Law.positionOf(strip.lane.gain)
                    rest: Law.UNITY
                    stepSize: 0.02
                    snapMode: Slide.NoSnap
                    tint: strip.colour
                    thickness: 4
                    onChosen: at => strip.lane.setGain(Math.abs(at - Law.UNITY) < 0.012 ? 0 : Law.gainAt(at))
                }
                Words {
                    Layout.preferredWidth: 38
                    horizontalAlignment: Text.AlignRight
                    text: Law.decibels(strip.lane.gain)
                    font.pixelSize: 12
                    color: Theme.quiet
                }
            }
            RowLayout {
                spacing: 8
                Words { text: "Pan"; font.pixelSize: Theme.small; color: Theme.faint }
                Slide {
                    objectName: "pan-" + strip.lane.stem
                    Layout.fillWidth: true
                    implicitHeight: 18
                    name: "Balance of " + strip.lane.stem
                    valueText: Law.balance(strip.lane.pan)
                    from: -1
                    to: 1
                    origin: 0
                    value: strip.lane.pan
                    stepSize: 0.05
                    thickness: 2
                    tint: Theme.quiet
                    onChosen: at => strip.lane.setPan(Math.abs(at) < 0.03 ? 0 : at)
                }
                Words {
                    Layout.preferredWidth: 38
                    horizontalAlignment: Text.AlignRight
                    text: Law.balance(strip.lane.pan)
                    font.pixelSize: 12
                    color: Theme.quiet
                }
            }
        }
        Meter {
            Layout.fillHeight: true
            Layout.topMargin: 10
            Layout.bottomMargin: 10
            Layout.rightMargin: 12
            objectName: "meter-" + strip.lane.stem
            name: "Meter of " + strip.lane.stem
            tint: strip.colour
            peak: strip.levels[3 * strip.lane.index]
            rms: strip.levels[3 * strip.lane.index + 1]
            held: strip.levels[3 * strip.lane.index + 2]
        }
    }
    Rectangle {
        x: strip.stripWidth
        width: parent.width - x
        height: parent.height
        color: Theme.plate

        Waves {
            anchors.fill: parent
            anchors.topMargin: strip.spectrum ? 0 : 5
            anchors.bottomMargin: strip.spectrum ? 0 : 5
            app: strip.app
            view: strip.view
            lane: strip.lane.index
            spectrum: strip.spectrum
            colour: strip.colour
            opacity: strip.lane.isHeard ? 1 : 0.22
        }
    }
}
