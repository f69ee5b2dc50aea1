import QtQuick
import QtQuick.Layouts

// Before the first song.
Item {
    id: empty

    required property var app
    signal openAsked()

    ColumnLayout {
        anchors.centerIn: parent
        width: Math.min(420, parent.width - 60)
        spacing: 10

        Mark {
            Layout.alignment: Qt.AlignHCenter
            lanes: empty.app.lanes.all
            size: 112
        }
        Words {
            Layout.alignment: Qt.AlignHCenter
            Layout.topMargin: 8
            text: "Drop a song here"
            font.pixelSize: 22
            font.weight: Font.DemiBold
            font.letterSpacing: -0.3
        }
        Words {
            Layout.fillWidth: true
            horizontalAlignment: Text.AlignHCenter
            wrapMode: Text.Wrap
            text: "It plays at once; voice, drums, bass and the rest come apart while you listen."
            color: Theme.quiet
        }
        Press {
            objectName: "empty-open"
            Layout.alignment: Qt.AlignHCenter
            Layout.topMargin: 10
            prominent: true
            tint: Theme.accentFill
            text: "Open songs"
            name: "Open songs"
            keys: "O"
            implicitHeight: 36
            implicitWidth: 128
            onClicked: empty.openAsked()
        }
        ColumnLayout {
            Layout.fillWidth: true
            Layout.topMargin: 22
            visible: empty.app.songs.recent.length > 0 && empty.height > 420
            spacing: 1
            Words {
                Layout.alignment: Qt.AlignHCenter
                Layout.bottomMargin: 3
                text: "Recent"
                font.pixelSize: Theme.small
                color: Theme.faint
            }
            Repeater {
                model: empty.app.songs.recent.slice(0, 4)
                Press {
                    required property int index
                    required property var modelData

                    objectName: "empty-recent-" + index
                    Layout.alignment: Qt.AlignHCenter
                    Layout.maximumWidth: 420
                    text: modelData.title
                    name: "Play " + modelData.path
                    font.weight: Font.Normal
                    inkColour: Theme.quiet
                    onClicked: empty.app.songs.addRecent(modelData.path)
                }
            }
        }
    }
}
