import QtQuick
import QtQuick.Dialogs
import QtQuick.Layouts
import "law.js" as Law

// What is exported, and as what; the song plays on.
Sheet {
    id: sheet

    required property var app
    readonly property var exports: app.exports
    readonly property var playback: app.playback
    property var stems: ["vocals", "drums", "bass", "other"]
    property bool mix
    property bool stretched: true
    property bool loopOnly
    property bool replaces
    readonly property bool canStretch: playback.tempo !== 1 || playback.key !== 0

    function toggle(stem) {
        stems = stems.includes(stem) ? stems.filter(other => other !== stem) : stems.concat([stem])
    }

    objectName: "export-sheet"
    title: "Export"
    width: Math.min(540, parent ? parent.width - 40 : 540)
    onOpened: loopOnly = loopOnly && playback.hasLoop

    component Name: Words {
        Layout.preferredWidth: 74
        Layout.alignment: Qt.AlignTop
        Layout.topMargin: 6
        color: Theme.quiet
    }

    GridLayout {
        columns: 2
        rowSpacing: 12
        columnSpacing: 14
        enabled: !sheet.exports.isRunning
        opacity: enabled ? 1 : 0.5

        Name { text: "Stems" }
        Flow {
            Layout.fillWidth: true
            spacing: 6
            Repeater {
                model: sheet.app.lanes.all
                Check {
                    required property var modelData

                    objectName: "export-" + modelData.stem
                    text: Law.capital(modelData.stem)
                    name: "Export " + modelData.stem
                    mark: modelData.colour
                    on: sheet.stems.includes(modelData.stem)
                    onClicked: sheet.toggle(modelData.stem)
                }
            }
        }
        Name { text: "Mix" }
        ColumnLayout {
            spacing: 0
            Check {
                objectName: "export-mix"
                text: "The mix as it is heard"
                name: "Export the mix with its faders, mutes, solos and pans"
                on: sheet.mix
                onClicked: sheet.mix = !sheet.mix
            }
            Check {
                objectName: "export-stretched"
                visible: sheet.canStretch
                enabled: sheet.mix
                text: "at its tempo and key"
                name: "Export the mix at the tempo and key that are heard"
                on: sheet.stretched
                onClicked: sheet.stretched = !sheet.stretched
            }
        }
        Name { text: "Part" }
        Choice {
            objectName: "export-part"
            names: ["Whole song", "Loop only"]
            tips: ["Export the whole song", playbackHasLoop ? "Export the loop" : "Set a loop first: [ and ]"]
            current: sheet.loopOnly ? 1 : 0
            readonly property bool playbackHasLoop: sheet.playback.hasLoop
            onChosen: index => sheet.loopOnly = index === 1 && playbackHasLoop
        }
        Name { text: "Format" }
        RowLayout {
            spacing: 12
            Choice {
                objectName: "export-format"
                names: sheet.exports.formats
                current: names.indexOf(sheet.exports.format)
                onChosen: index => sheet.exports.setFormat(names[index])
            }
        }
        Name { text: "Depth"; visible: sheet.exports.depths.length > 0 }
        Choice {
            objectName: "export-depth"
            visible: sheet.exports.depths.length > 0
            readonly property var words: ({ "": "The song's", "16": "16 bit", "24": "24 bit", "32f": "32 bit float" })
            names: sheet.exports.depths.map(depth => words[depth])
            current: sheet.exports.depths.indexOf(sheet.exports.depth)
            onChosen: index => sheet.exports.setDepth(sheet.exports.depths[index])
        }
        Name { text: "Folder" }
        RowLayout {
            spacing: 8
            Field {
                objectName: "export-folder"
                Layout.fillWidth: true
                name: "Folder for the files"
                text: sheet.exports.folder
                onTextEdited: sheet.exports.setFolder(text)
            }
            Press {
                objectName: "export-choose"
                glyph: "folder"
                framed: true
                name: "Choose the folder"
                onClicked: folders.active = true
            }
        }
        Name { text: "Name" }
        Field {
            id: template

            objectName: "export-name"
            Layout.fillWidth: true
            name: "Name of the files"
            text: sheet.exports.defaultName
        }
        Item { Layout.preferredWidth: 1 }
        Check {
            objectName: "export-force"
            text: "Replace files that exist"
            name: text
            on: sheet.replaces
            onClicked: sheet.replaces = !sheet.replaces
        }
    }
    Rectangle {
        Layout.fillWidth: true
        implicitHeight: 3
        radius: 1.5
        color: Theme.pressed
        opacity: sheet.exports.isRunning ? 1 : 0
        Rectangle {
            width: Math.round(parent.width * sheet.exports.fraction)
            height: 3
            radius: 1.5
            color: Theme.accentFill
        }
    }
    RowLayout {
        spacing: 10
        Words {
            objectName: "export-result"
            Layout.fillWidth: true
            font.pixelSize: 12
            color: Theme.quiet
            wrapMode: Text.Wrap
            maximumLineCount: 2
            text: sheet.exports.isRunning
                ? Math.floor(sheet.exports.fraction * 100) + " %: the song may play on, and this may be closed"
                : sheet.exports.result
        }
        Press {
            objectName: "export-cancel"
            visible: sheet.exports.isRunning
            framed: true
            text: "Cancel"
            name: "Cancel the export"
            onClicked: sheet.exports.cancel()
        }
        Press {
            objectName: "export-start"
            visible: !sheet.exports.isRunning
            prominent: true
            tint: Theme.accentFill
            text: "Export"
            name: "Start the export"
            implicitWidth: 96
            implicitHeight: 34
            enabled: sheet.stems.length > 0 || sheet.mix
            onClicked: {
                sheet.exports.start(sheet.stems, sheet.mix, sheet.stretched && sheet.canStretch,
                    sheet.loopOnly, template.text, sheet.replaces)
            }
        }
    }
    Loader {
        id: folders

        active: false
        sourceComponent: FolderDialog {
            title: "Folder for the files"
            Component.onCompleted: open()
            onAccepted: {
                sheet.exports.setFolder(selectedFolder.toString())
                folders.active = false
            }
            onRejected: folders.active = false
        }
    }
}
