import QtQuick

// Text in the window's ink; figures keep their places.
Text {
    color: Theme.ink
    font.pixelSize: Theme.body
    font.features: Theme.figures
    elide: Text.ElideRight
    textFormat: Text.PlainText
    verticalAlignment: Text.AlignVCenter
    renderType: Text.QtRendering
}
