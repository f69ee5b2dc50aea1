import QtQuick

// A lane's picture, in tiles that are made once each and anew when something in them changed.
Item {
    id: waves

    required property var app
    required property View view
    required property int lane
    property bool spectrum
    property color colour
    readonly property real dpr: Screen.devicePixelRatio
    readonly property int tileWidth: 512
    readonly property real stretch: view.scale / view.drawn
    readonly property int first: Math.floor(view.shift / (tileWidth * stretch))
    readonly property int n: Math.min(24, Math.ceil(width / (tileWidth * stretch)) + 1)

    // Tiles keep their picture until the next is made, but not one of something else.
    function renew() {
        tiles.model = 0
        tiles.model = Qt.binding(() => waves.n)
    }

    clip: true
    onSpectrumChanged: renew()

    Connections {
        target: waves.app.playback
        function onSongChanged() { waves.renew() }
    }
    Repeater {
        id: tiles

        model: waves.n

        Image {
            id: tile

            required property int index
            // A tile that scrolls out is taken for the one that scrolls in.
            readonly property int place: waves.first + (((index - waves.first) % waves.n) + waves.n) % waves.n
            readonly property real fromSecond: place * waves.tileWidth / waves.view.drawn
            readonly property real toSecond: (place + 1) * waves.tileWidth / waves.view.drawn
            property int revision: 0

            x: Math.round(place * waves.tileWidth * waves.stretch) - waves.view.shift
            width: waves.tileWidth * waves.stretch
            height: waves.height
            visible: waves.app.playback.hasSong
            cache: false
            asynchronous: waves.spectrum
            retainWhileLoading: true
            smooth: waves.stretch !== 1
            source: waves.height < 8 || fromSecond >= waves.view.duration ? ""
                : "image://sound/" + [
                    waves.spectrum ? "spectrum" : "waves", waves.lane,
                    Math.round(waves.tileWidth * waves.dpr) + "x" + Math.round(waves.height * waves.dpr),
                    place, waves.view.drawn * waves.dpr,
                    encodeURIComponent(waves.colour), encodeURIComponent(Theme.ghost),
                    waves.app.playback.song + "." + revision].join("/")

            Connections {
                target: waves.app.waves
                function onChanged(fromSecond, toSecond) {
                    if (fromSecond < tile.toSecond && toSecond > tile.fromSecond)
                        tile.revision += 1
                }
            }
        }
    }
}
