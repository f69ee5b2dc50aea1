import QtQuick
import QtQuick.Controls.Basic
import QtQuick.Layouts

// The model that is heard; its list opens with each one's card.
Press {
    id: picker

    required property var app
    readonly property var models: app.models
    readonly property string heard: app.playback.modelWanted || app.playback.model
    property var card: null

    function cardOf(name) { return models.cards.find(card => card.name === name) || null }

    objectName: "model"
    framed: true
    opensList: true
    quiet: list.visible
    text: app.blind.isRunning ? "Hidden: " + heard : heard || "Model"
    name: "Model: press for the list; the key takes the next"
    keys: "M"
    enabled: !app.blind.isRunning
    onClicked: {
        models.read()
        card = Qt.binding(() => cardOf(heard))
        list.open()
    }

    Popup {
        id: list

        parent: picker
        y: picker.height + 6
        x: Math.min(0, picker.width - width)
        width: 560
        height: 340
        padding: 0
        focus: true
        objectName: "model-list"
        background: Rectangle { color: Theme.raised; border.color: Theme.rule; radius: 10 }
        contentItem: RowLayout {
            spacing: 0

            ListView {
                id: rows

                Layout.preferredWidth: 210
                Layout.fillHeight: true
                Layout.margins: 8
                clip: true
                model: picker.models.cards
                spacing: 2
                delegate: Press {
                    id: row

                    required property var modelData

                    width: rows.width
                    height: 34
                    objectName: "model-" + modelData.name
                    name: "Play with " + modelData.name
                    onHoveredChanged: if (hovered) picker.card = modelData
                    onVisualFocusChanged: if (visualFocus) picker.card = modelData
                    onClicked: {
                        picker.models.choose(modelData.name)
                        list.close()
                    }
                    contentItem: RowLayout {
                        spacing: 6
                        Icon {
                            Layout.leftMargin: 6
                            glyph: "check"; size: 14
                            colour: Theme.accent
                            opacity: row.modelData.name === picker.heard ? 1 : 0
                        }
                        Words { Layout.fillWidth: true; text: row.modelData.name; font.weight: Font.Medium }
                        Words {
                            Layout.rightMargin: 8
                            visible: row.modelData.name === picker.models.compared
                            text: "B"
                            font.pixelSize: Theme.small
                            color: Theme.faint
                        }
                    }
                }
            }
            Hairline { Layout.fillHeight: true; Layout.fillWidth: false; Layout.preferredWidth: 1 }
            Card {
                Layout.fillWidth: true
                Layout.fillHeight: true
                Layout.margins: 18
                card: picker.card
                models: picker.models
            }
        }
    }
}
