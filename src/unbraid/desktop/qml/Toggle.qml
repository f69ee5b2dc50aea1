import QtQuick

// A small square switch, as for mute and solo.
Press {
    implicitWidth: 25
    implicitHeight: 23
    framed: true
    toggles: true
    radius: 4
    font.pixelSize: 12
    font.weight: Font.DemiBold
    inkColour: Theme.quiet
}
