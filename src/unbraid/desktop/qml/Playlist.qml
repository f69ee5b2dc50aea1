import QtQuick
import QtQuick.Controls.Basic
import QtQuick.Layouts
import "law.js" as Law

// The songs: a click opens one, a drag moves it.
Item {
    id: panel

    required property var app
    readonly property var songs: app.songs
    signal openAsked()

    // The row that a point of another item means; -1 beside the list.
    function placeAt(item, x, y) {
        const at = list.mapFromItem(item, x, y)
        if (!visible || !list.contains(Qt.point(at.x, at.y)))
            return -1
        return Math.min(list.count, Math.max(0, Math.round((at.y + list.contentY) / 46)))
    }

    implicitWidth: 270

    ColumnLayout {
        anchors.fill: parent
        spacing: 0

        RowLayout {
            Layout.fillWidth: true
            Layout.preferredHeight: 30
            Layout.leftMargin: 14
            Layout.rightMargin: 8
            spacing: 2
            Words { text: "Playlist"; font.weight: Font.DemiBold; font.pixelSize: 12 }
            Words {
                Layout.fillWidth: true
                Layout.leftMargin: 6
                text: panel.songs.isAdding ? "adding…" : panel.songs.n || ""
                font.pixelSize: 12
                color: Theme.faint
            }
            Press {
                objectName: "playlist-add"
                glyph: "add"; glyphSize: 14; implicitHeight: 24; implicitWidth: 26
                name: "Add songs"; keys: "O"
                onClicked: panel.openAsked()
            }
            Press {
                objectName: "playlist-clear"
                glyph: "close"; glyphSize: 12; implicitHeight: 24; implicitWidth: 26
                name: "Clear the playlist"
                enabled: panel.songs.n > 0
                inkColour: Theme.quiet
                onClicked: panel.songs.clear()
            }
        }
        Hairline {}
        ListView {
            id: list

            property int dragged: -1

            objectName: "playlist"
            Layout.fillWidth: true
            Layout.fillHeight: true
            clip: true
            model: panel.songs
            boundsBehavior: Flickable.StopAtBounds
            interactive: dragged < 0
            ScrollBar.vertical: ScrollBar { policy: ScrollBar.AsNeeded; Accessible.name: "Scroll the playlist" }
            displaced: Transition { NumberAnimation { properties: "y"; duration: 140; easing.type: Easing.OutCubic } }
            delegate: Item {
                id: row

                required property int index
                required property string title
                required property string artist
                required property double duration
                required property string problem
                required property string path
                readonly property bool current: index === panel.songs.current

                objectName: "song-" + index
                width: ListView.view.width
                height: 46
                z: mouse.drag.active ? 2 : 0
                activeFocusOnTab: true
                Accessible.role: Accessible.ListItem
                Accessible.name: "Play " + title
                Accessible.description: problem
                Accessible.onPressAction: panel.songs.open(index)
                Keys.onReturnPressed: panel.songs.open(index)
                Keys.onDeletePressed: panel.songs.remove(index)
                Keys.onPressed: event => {
                    if (event.modifiers & Qt.AltModifier && (event.key === Qt.Key_Up || event.key === Qt.Key_Down)) {
                        panel.songs.move(index, index + (event.key === Qt.Key_Up ? -1 : 1))
                        event.accepted = true
                    }
                }

                MouseArea {
                    id: mouse

                    anchors.fill: parent
                    hoverEnabled: true
                    drag.target: content
                    drag.axis: Drag.YAxis
                    drag.threshold: 6
                    onClicked: panel.songs.open(row.index)
                    onPositionChanged: {
                        if (!drag.active)
                            return
                        list.dragged = row.index
                        const at = content.mapToItem(list.contentItem, 10, content.height / 2)
                        const to = Math.min(list.count - 1, Math.max(0, Math.floor(at.y / row.height)))
                        if (to !== row.index)
                            panel.songs.move(row.index, to)
                    }
                    onReleased: {
                        list.dragged = -1
                        content.x = content.y = 0
                    }
                }
                Rectangle {
                    id: content

                    width: row.width
                    height: row.height
                    parent: mouse.drag.active ? list.contentItem : row
                    color: mouse.drag.active ? Theme.pressed : mouse.containsMouse ? Theme.hover : "transparent"
                    RowLayout {
                        anchors.fill: parent
                        anchors.leftMargin: 14
                        anchors.rightMargin: 10
                        spacing: 10
                        Rectangle {
                            Layout.preferredWidth: 3
                            Layout.preferredHeight: 24
                            radius: 1.5
                            color: Theme.accentFill
                            visible: row.current
                        }
                        ColumnLayout {
                            spacing: 0
                            Layout.fillWidth: true
                            Words {
                                Layout.fillWidth: true
                                text: row.title
                                font.weight: row.current ? Font.DemiBold : Font.Normal
                                color: row.problem ? Theme.faint : Theme.ink
                            }
                            Words {
                                Layout.fillWidth: true
                                visible: text !== ""
                                text: row.problem || row.artist
                                font.pixelSize: Theme.small
                                color: row.problem ? Theme.error : Theme.quiet
                            }
                        }
                        Words {
                            visible: row.duration > 0 && !remove.visible
                            text: Law.time(row.duration)
                            font.pixelSize: 12
                            color: Theme.quiet
                        }
                        Press {
                            id: remove

                            objectName: "remove-" + row.index
                            visible: mouse.containsMouse || hovered || visualFocus
                            glyph: "close"; glyphSize: 11; implicitWidth: 24; implicitHeight: 24
                            name: "Remove " + row.title
                            keys: "Delete"
                            inkColour: Theme.quiet
                            onClicked: panel.songs.remove(row.index)
                        }
                    }
                    FocusRing { anchors.margins: 1; radius: 4; shown: row.activeFocus }
                }
            }
            Words {
                anchors.centerIn: parent
                width: parent.width - 40
                visible: list.count === 0
                horizontalAlignment: Text.AlignHCenter
                wrapMode: Text.Wrap
                text: "Drop songs, folders or playlists here"
                color: Theme.faint
            }
        }
        Hairline { visible: recent.count > 0 }
        ListView {
            id: recent

            objectName: "recent"
            Layout.fillWidth: true
            Layout.preferredHeight: visible ? Math.min(4, count) * 28 + 34 : 0
            visible: count > 0 && panel.height > 380
            interactive: false
            clip: true
            model: panel.songs.recent.slice(0, 4)
            header: RowLayout {
                width: recent.width
                height: 28
                Words {
                    Layout.leftMargin: 14
                    Layout.fillWidth: true
                    text: "Recent"
                    font.pixelSize: Theme.small
                    color: Theme.faint
                }
                Press {
                    objectName: "recent-clear"
                    Layout.rightMargin: 8
                    glyph: "close"; glyphSize: 10; implicitWidth: 22; implicitHeight: 22
                    inkColour: Theme.faint
                    name: "Forget the recent songs"
                    onClicked: panel.songs.clearRecent()
                }
            }
            delegate: Press {
                required property int index
                required property var modelData

                objectName: "recent-" + index
                width: recent.width
                height: 28
                radius: 0
                name: "Play " + modelData.path
                onClicked: panel.songs.addRecent(modelData.path)
                contentItem: Words {
                    leftPadding: 14
                    rightPadding: 10
                    text: parent.modelData.title
                    color: Theme.quiet
                    font.pixelSize: 12
                }
            }
        }
    }
}
