import QtQuick
import QtQuick.Layouts

// All keys.
Sheet {
    id: sheet

    readonly property var keys: [
        ["Space", "Play, pause"], ["← →", "5 seconds back, on"],
        ["Shift ← →", "1 second back, on"], ["↑ ↓", "Volume"],
        ["[ ]", "Loop from here, to here"], ["L", "Loop on, off"],
        ["1 – 4", "Mute vocals, drums, bass, other"], ["Shift 1 – 4", "Solo them"],
        [", .", "Tempo 5 % down, up"], ["Shift , .", "Key a semitone down, up"],
        ["M", "Next model"], ["A B", "Hear model A, model B"],
        ["− + 0", "Zoom; the whole song"], ["N   Shift N", "Next, previous song"],
        ["O", "Open songs"], ["E", "Export"],
        ["P", "Playlist"], ["F", "Full screen"],
        ["Tab  Return", "To the next control; press it"], ["?", "This sheet"],
    ]

    objectName: "keys-sheet"
    title: "Keys"
    width: Math.min(700, parent ? parent.width - 40 : 700)

    Shortcut { sequences: ["?", "Shift+?", "F1"]; onActivated: sheet.close() }
    GridLayout {
        Layout.fillWidth: true
        columns: 2
        columnSpacing: 30
        rowSpacing: 9
        Repeater {
            model: sheet.keys
            RowLayout {
                id: line

                required property var modelData

                Layout.fillWidth: true
                Layout.preferredWidth: 1
                spacing: 12
                Item {
                    Layout.preferredWidth: 92
                    implicitHeight: cap.height
                    Cap { id: cap; width: implicitWidth; height: implicitHeight; text: line.modelData[0] }
                }
                Words { Layout.fillWidth: true; text: line.modelData[1]; color: Theme.quiet }
            }
        }
    }
    Words {
        Layout.fillWidth: true
        wrapMode: Text.Wrap
        font.pixelSize: 12
        color: Theme.faint
        text: "Drag on the ruler to loop, click in a lane to seek, turn the wheel to zoom, with Shift to scroll. A double click puts a fader back."
    }
}
