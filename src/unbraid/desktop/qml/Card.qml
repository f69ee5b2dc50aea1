import QtQuick
import QtQuick.Layouts
import "law.js" as Law

// What a model says of itself.
ColumnLayout {
    id: view

    required property var models
    property var card: null

    spacing: 10
    visible: card !== null

    Words { text: view.card ? view.card.name : ""; font.pixelSize: 15; font.weight: Font.DemiBold; Layout.fillWidth: true }
    Words {
        Layout.fillWidth: true
        text: view.card ? view.card.about : ""
        color: Theme.quiet
        wrapMode: Text.Wrap
        maximumLineCount: 5
        font.pixelSize: 12
        lineHeight: 1.15
    }
    GridLayout {
        Layout.fillWidth: true
        visible: view.card !== null && view.card.figures.length > 0
        columns: 4
        columnSpacing: 8
        Repeater {
            model: view.card ? view.card.figures : []
            ColumnLayout {
                id: figure

                required property var modelData

                spacing: 0
                Layout.fillWidth: true
                Words { text: figure.modelData.text; font.pixelSize: 17; font.weight: Font.DemiBold }
                RowLayout {
                    spacing: 4
                    Rectangle { width: 6; height: 6; radius: 3; color: figure.modelData.colour }
                    Words { text: figure.modelData.stem; font.pixelSize: Theme.small; color: Theme.quiet }
                }
            }
        }
    }
    Words {
        visible: view.card !== null && view.card.figures.length > 0
        Layout.fillWidth: true
        text: "uSDR in dB" + (view.card && view.card.panel ? ", " + view.card.panel : "")
        font.pixelSize: Theme.small
        color: Theme.faint
        wrapMode: Text.Wrap
        maximumLineCount: 2
    }
    Words {
        Layout.fillWidth: true
        visible: view.card !== null && view.card.facts.length > 0
        text: view.card ? view.card.facts.join("  ·  ") : ""
        font.pixelSize: 12
        wrapMode: Text.Wrap
    }
    Words {
        objectName: "card-licence"
        Layout.fillWidth: true
        visible: view.card !== null && view.card.licence !== ""
        text: view.card ? "Licence: " + view.card.licence : ""
        font.pixelSize: 12
        wrapMode: Text.Wrap
        maximumLineCount: 2
    }
    Item { Layout.fillHeight: true }
    Press {
        objectName: "compare"
        framed: true
        visible: view.card !== null && view.card.name !== view.models.compared
        text: "Compare with it: B"
        name: "Make this the model that B plays"
        font.pixelSize: 12
        onClicked: view.models.compare(view.card.name)
    }
}
