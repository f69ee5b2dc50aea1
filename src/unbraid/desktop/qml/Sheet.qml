import QtQuick
import QtQuick.Controls.Basic
import QtQuick.Layouts

// A sheet over the window, closed by Esc, its cross, or a click beside it.
Popup {
    id: sheet

    property string title
    default property alias content: body.data

    parent: Overlay.overlay
    anchors.centerIn: parent
    width: Math.min(520, parent ? parent.width - 40 : 520)
    height: Math.min(implicitHeight, parent ? parent.height - 40 : 600)
    padding: 0
    modal: true
    focus: true
    closePolicy: Popup.CloseOnEscape | Popup.CloseOnPressOutside
    Overlay.modal: Rectangle { color: Theme.shade }
    background: Rectangle { color: Theme.ground; border.color: Theme.rule; radius: 12 }
    enter: Transition { NumberAnimation { property: "opacity"; from: 0; to: 1; duration: 120 } }
    exit: Transition { NumberAnimation { property: "opacity"; to: 0; duration: 90 } }
    contentItem: FocusScope {
        focus: true
        implicitHeight: column.implicitHeight + 40
        Accessible.role: Accessible.Dialog
        Accessible.name: sheet.title

        ColumnLayout {
            id: column

            anchors.fill: parent
            anchors.margins: 20
            anchors.leftMargin: 24
            anchors.rightMargin: 24
            spacing: 16
            RowLayout {
                Words {
                    Layout.fillWidth: true
                    text: sheet.title
                    font.pixelSize: Theme.large
                    font.weight: Font.DemiBold
                }
                Press {
                    objectName: "close-sheet"
                    glyph: "close"; glyphSize: 14
                    name: "Close"; keys: "Esc"
                    onClicked: sheet.close()
                }
            }
            ColumnLayout {
                id: body

                Layout.fillWidth: true
                Layout.fillHeight: true
                spacing: 16
            }
        }
    }
}
