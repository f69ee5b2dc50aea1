import QtQuick
import QtQuick.Layouts
import "law.js" as Law

// What the engine does, in figures.
Item {
    id: status

    required property var app
    readonly property var playback: app.playback
    signal exportAsked()

    implicitHeight: 28

    component Figure: Words {
        property string label
        property string value
        property bool alarming

        text: value + " " + label
        font.pixelSize: 12
        color: alarming ? Theme.warning : Theme.quiet
    }

    RowLayout {
        anchors.fill: parent
        anchors.leftMargin: 16
        anchors.rightMargin: 16
        spacing: 20

        RowLayout {
            spacing: 7
            visible: status.playback.hasSong || status.playback.isOpening
            Rectangle {
                objectName: "state-lamp"
                width: 8
                height: 8
                radius: 4
                color: status.playback.deviceLost ? Theme.error
                    : status.playback.isMixture ? Theme.warning
                    : status.playback.modelWanted ? Theme.accent : Theme.faint
            }
            Words {
                objectName: "state"
                Layout.fillWidth: true
                font.pixelSize: 12
                color: status.playback.deviceLost ? Theme.error
                    : status.playback.isMixture ? Theme.warning : Theme.quiet
                text: status.playback.deviceLost ? "No sound device: connect one"
                    : status.playback.isOpening ? "Opening…"
                    : status.playback.isMixture && status.playback.model === status.app.models.original
                        ? "The original is heard; faders rest"
                    : status.playback.isMixture ? "The mixture is heard: these stems are not ready yet"
                    : status.playback.modelWanted ? "Changing to " + status.playback.modelWanted + "…"
                    : status.playback.doneFraction < 0.999
                        ? "Taking it apart, " + Math.floor(status.playback.doneFraction * 100) + " %"
                    : "Taken apart"
            }
        }
        Item { Layout.fillWidth: true }
        RowLayout {
            visible: status.app.exports.isRunning
            spacing: 8
            Words { text: "Exporting"; font.pixelSize: 12; color: Theme.quiet }
            Rectangle {
                width: 90
                height: 3
                radius: 1.5
                color: Theme.pressed
                Rectangle {
                    width: parent.width * status.app.exports.fraction
                    height: 3
                    radius: 1.5
                    color: Theme.accent
                }
            }
            Press {
                glyph: "close"; glyphSize: 11; implicitHeight: 20; implicitWidth: 20
                name: "Cancel the export"
                onClicked: status.app.exports.cancel()
            }
        }
        RowLayout {
            visible: status.playback.hasSong
            spacing: 18
            Figure {
                objectName: "figure-speed"
                visible: status.playback.timesRealTime > 0
                value: status.playback.timesRealTime.toFixed(1) + "×"
                label: "real time"
            }
            Figure {
                objectName: "figure-ahead"
                value: Law.time(status.playback.ahead)
                label: "ahead"
            }
            Figure {
                objectName: "figure-late"
                value: status.playback.late
                label: status.playback.late === 1 ? "late tile" : "late tiles"
                alarming: status.playback.late > 0
            }
            Figure {
                objectName: "figure-underruns"
                value: status.playback.underruns
                label: status.playback.underruns === 1 ? "underrun" : "underruns"
                alarming: status.playback.underruns > 0
            }
        }
        DevicePicker {
            app: status.app
            Layout.maximumWidth: 220
            Layout.fillWidth: false
        }
    }
}
