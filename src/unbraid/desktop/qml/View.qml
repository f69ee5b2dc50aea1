import QtQuick

// Which part of the song the lanes show.
QtObject {
    id: view

    property real duration: 0
    property real width: 1
    property real scale: 1  // pixels a second
    property real origin: 0  // second at the left edge
    property bool fitted: true
    readonly property real fitScale: duration > 0 ? width / duration : 1
    readonly property real maxScale: Math.max(400, fitScale)
    readonly property real span: width / scale
    readonly property int shift: Math.round(origin * scale)
    property real drawn: scale  // the scale that pictures are made for; lags while zooming
    property Timer settled: Timer { interval: 70; onTriggered: view.drawn = view.scale }

    function xOf(second) { return second * scale - shift }
    function secondAt(x) { return Math.min(duration, Math.max(0, (x + shift) / scale)) }
    function fit() {
        fitted = true
        origin = 0
        scale = fitScale
    }
    function zoom(factor, x) {
        const second = (x + shift) / scale
        const wanted = Math.min(maxScale, Math.max(fitScale, scale * factor))
        fitted = wanted <= fitScale * 1.0001
        scale = wanted
        scroll(second - x / scale)
    }
    function scroll(second) {
        origin = Math.min(Math.max(0, duration - width / scale), Math.max(0, second))
    }

    onFitScaleChanged: {
        if (fitted || scale < fitScale)
            fit()
        else
            scroll(origin)
    }
    onScaleChanged: settled.restart()
}
