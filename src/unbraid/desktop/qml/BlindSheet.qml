import QtQuick
import QtQuick.Layouts

// The blind test: which models; then letters and choices; then the names.
Sheet {
    id: sheet

    required property var app
    readonly property var blind: app.blind
    readonly property var playback: app.playback
    property var chosen: []

    function toggle(name) {
        chosen = chosen.includes(name) ? chosen.filter(other => other !== name) : chosen.concat([name])
    }

    objectName: "blind-sheet"
    title: blind.isRevealed ? "What you chose" : "Blind test"
    modal: !blind.isRunning
    dim: !blind.isRunning
    closePolicy: blind.isRunning ? Sheet.NoAutoClose : Sheet.CloseOnEscape | Sheet.CloseOnPressOutside
    onOpened: app.models.read()
    onClosed: if (blind.isRunning || blind.isRevealed) blind.stop()

    // Which models
    ColumnLayout {
        visible: !sheet.blind.isRunning && !sheet.blind.isRevealed
        spacing: 14
        Words {
            Layout.fillWidth: true
            wrapMode: Text.Wrap
            color: Theme.quiet
            text: "Choose two models or more. Their names are hidden behind letters, dealt anew after every choice, and their levels are matched."
        }
        ColumnLayout {
            spacing: 0
            Repeater {
                model: sheet.app.models.cards
                Check {
                    required property var modelData

                    objectName: "blind-" + modelData.name
                    Layout.fillWidth: true
                    text: modelData.name
                    name: "Test " + modelData.name
                    on: sheet.chosen.includes(modelData.name)
                    onClicked: sheet.toggle(modelData.name)
                }
            }
        }
        Press {
            objectName: "blind-start"
            Layout.alignment: Qt.AlignRight
            prominent: true
            tint: Theme.accentFill
            text: "Begin"
            name: "Begin the blind test"
            implicitWidth: 96
            implicitHeight: 34
            enabled: sheet.chosen.length >= 2
            onClicked: sheet.blind.start(sheet.chosen)
        }
    }
    // Letters
    ColumnLayout {
        visible: sheet.blind.isRunning
        spacing: 16
        Words {
            Layout.fillWidth: true
            wrapMode: Text.Wrap
            color: Theme.quiet
            text: "Listen to each, loop what tells them apart, then say which you prefer."
        }
        RowLayout {
            spacing: 10
            Repeater {
                model: sheet.blind.letters
                ColumnLayout {
                    id: letter

                    required property string modelData
                    readonly property bool heard: (sheet.playback.modelWanted || sheet.playback.model) === modelData

                    Layout.fillWidth: true
                    spacing: 8
                    Press {
                        objectName: "hear-" + letter.modelData
                        Layout.fillWidth: true
                        implicitHeight: 76
                        framed: true
                        text: letter.modelData
                        name: "Hear " + letter.modelData
                        font.pixelSize: 26
                        radius: 10
                        toggles: true
                        on: letter.heard
                        tint: Theme.ink
                        tintInk: Theme.ground
                        onClicked: sheet.blind.hear(letter.modelData)
                    }
                    Press {
                        objectName: "prefer-" + letter.modelData
                        Layout.fillWidth: true
                        framed: true
                        text: "Prefer " + letter.modelData
                        name: text
                        font.pixelSize: 12
                        onClicked: sheet.blind.choose(letter.modelData)
                    }
                }
            }
        }
        RowLayout {
            Words {
                objectName: "blind-n"
                Layout.fillWidth: true
                color: Theme.quiet
                text: sheet.blind.nTrials === 0 ? "No choice yet; ten or more tell something"
                    : sheet.blind.nTrials + (sheet.blind.nTrials === 1 ? " choice" : " choices")
            }
            Press {
                objectName: "blind-reveal"
                prominent: true
                tint: Theme.accentFill
                text: "Reveal"
                name: "End the test and show the names"
                implicitWidth: 96
                implicitHeight: 34
                enabled: sheet.blind.nTrials > 0
                onClicked: sheet.blind.reveal()
            }
        }
    }
    // Names
    ColumnLayout {
        visible: sheet.blind.isRevealed
        spacing: 14
        Repeater {
            model: sheet.blind.isRevealed ? sheet.blind.verdict.counts : []
            RowLayout {
                id: line

                required property var modelData

                spacing: 12
                Words {
                    Layout.preferredWidth: 150
                    text: line.modelData.name
                    font.weight: line.modelData.name === sheet.blind.verdict.favourite ? Font.DemiBold : Font.Normal
                }
                Rectangle {
                    Layout.fillWidth: true
                    implicitHeight: 8
                    radius: 4
                    color: Theme.hover
                    Rectangle {
                        width: parent.width * line.modelData.share
                        height: 8
                        radius: 4
                        color: line.modelData.name === sheet.blind.verdict.favourite ? Theme.accentFill : Theme.faint
                    }
                }
                Words {
                    Layout.preferredWidth: 28
                    horizontalAlignment: Text.AlignRight
                    text: line.modelData.count
                }
            }
        }
        Words {
            objectName: "blind-verdict"
            Layout.fillWidth: true
            wrapMode: Text.Wrap
            maximumLineCount: 3
            color: Theme.quiet
            text: {
                if (!sheet.blind.isRevealed)
                    return ""
                const p = sheet.blind.verdict.p
                const shown = p < 0.001 ? "p < 0.001" : "p = " + p.toFixed(3)
                return shown + (p < 0.05
                    ? ": a guesser would seldom come out so uneven."
                    : ": a guesser could have come out the same; more choices tell more.")
            }
        }
        Press {
            objectName: "blind-close"
            Layout.alignment: Qt.AlignRight
            framed: true
            text: "Done"
            name: "Close the blind test"
            implicitWidth: 96
            implicitHeight: 34
            onClicked: sheet.close()
        }
    }
}
