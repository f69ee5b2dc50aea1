pragma Singleton
import QtQuick

// Colours and measures: one accent, the stems' own colours, and greys.
QtObject {
    property string look: "system"
    readonly property bool dark: look === "dark" || (look === "system"
        && Application.styleHints.colorScheme !== Qt.ColorScheme.Light)

    readonly property color ground: dark ? "#16171a" : "#fafaf8"
    readonly property color plate: dark ? "#101114" : "#f1f1ee"
    readonly property color raised: dark ? "#212327" : "#ffffff"
    readonly property color hover: dark ? "#2a2d32" : "#ecece8"
    readonly property color pressed: dark ? "#34373d" : "#e0e0dc"
    readonly property color rule: dark ? "#2b2e33" : "#dfdfdb"
    readonly property color ink: dark ? "#ececea" : "#1d1e20"
    readonly property color quiet: dark ? "#9a9ea5" : "#5f6369"
    readonly property color faint: dark ? "#7f838a" : "#73777d"
    readonly property color tick: dark ? "#4b4f56" : "#b9bbba"
    readonly property color ghost: dark ? "#3a3d43" : "#c9cac8"
    readonly property color accent: dark ? "#f0c05a" : "#8f6400"
    readonly property color accentInk: "#1b1608"
    readonly property color accentFill: dark ? "#f0c05a" : "#e6b040"
    readonly property color warning: dark ? "#ff9d7a" : "#b3400f"
    readonly property color error: dark ? "#f2a5a0" : "#a92a22"
    readonly property color errorPlate: dark ? "#37201f" : "#fbe9e7"
    readonly property color shade: dark ? "#a0000000" : "#66303236"

    readonly property int small: 11
    readonly property int body: 13
    readonly property int large: 17
    readonly property var figures: ({ "tnum": 1 })
}
