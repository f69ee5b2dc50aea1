"""Many songs to stems on this machine: what is to be done, what need not, and what came of it."""

import itertools
import json
import os
import shutil
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from unbraid.audio.writer import sync_file
from unbraid.errors import AudioError, OutputError, UnbraidError
from unbraid.library.events import BatchProgress, SongEvent, State, Summary
from unbraid.library.inputs import Found, Input
from unbraid.library.jobs import JobLog, JobLogError
from unbraid.library.layout import Layout, Targets, needs_tags
from unbraid.library.meter import Meter
from unbraid.library.pool import Pool
from unbraid.library.rows import LoggedFile
from unbraid.library.source import Source, device_of, file_digest, stamp_of
from unbraid.library.work import Work
from unbraid.library.worker import Alive, Failure, Probe, Separate, Separated, Setup, Task

_STAGED_NAME = "{stem}.{ext}"


def run_batch(
    found: Found,
    work: Work,
    setup: Setup,
    *,
    n_jobs: int,
    verify: bool = False,
    stop: threading.Event | None = None,
    tell: Callable[[SongEvent | BatchProgress], None] = lambda event: None,
) -> Summary:
    """Separate all songs that are not done yet.

    Args:
        found: the songs.
        work: what is done to each.
        setup: what a worker works with.
        n_jobs: workers.
        verify: check the files of songs that are done by checksum, not by size and time.
        stop: set it to begin no more songs; those begun are finished.
        tell: called in this thread with each song's end, and now and then with the progress.

    Returns:
        What came of it; songs that fail do not stop the others.

    Raises:
        OutputError: the output folder cannot be written to, or another batch does.
        KeyboardInterrupt: as it comes; songs begun are given up, nothing half-written is left.
    """
    summary = Summary()
    try:
        with JobLog(work.options.folder) as log:
            batch = _Batch(found, work, log, setup, n_jobs, summary, tell)
            try:
                batch.run(verify, stop or threading.Event())
            finally:
                batch.close()
    except JobLogError:
        if summary.halted is None:  # else the log failed of what has been told
            raise
    return summary


class _Batch:
    def __init__(
        self,
        found: Found,
        work: Work,
        log: JobLog,
        setup: Setup,
        n_jobs: int,
        summary: Summary,
        tell: Callable[[SongEvent | BatchProgress], None],
    ) -> None:
        self._work, self._key, self._log = work, work.key, log
        self._pool = Pool(setup, n_jobs)
        self._tell = tell
        self._songs = {song.path: song for song in found.songs}
        self._problems = found.problems
        self._disks = {song.root: device_of(song.root) for song in found.songs if song.root}
        self._known: dict[Path, Source] = {}
        self._targets: dict[Path, Targets] = {}
        self._layout = Layout(work.model, work.options, self._is_taken)
        self._verify = False
        self._stop = threading.Event()
        self._todo: deque[Input] = deque()
        self._tasks: deque[Task] = deque()
        self._making: dict[str, list[Input]] = {}  # contents being separated, and who waits
        self._serial = itertools.count()
        self._summary = summary
        self._meter = Meter(found.songs)

    def close(self) -> None:
        self._pool.close()

    def run(self, verify: bool, stop: threading.Event) -> None:
        self._verify, self._stop = verify, stop
        for path, error in self._problems.items():
            self._end(SongEvent("failed", path, error=error))
        try:
            if needs_tags(self._work.options.template):
                self._work_through(self._probe_next)
            self._name_all()
            self._work_through(self._next)
        except JobLogError as failure:  # no song can go on
            self._summary.halted = str(failure)
        self._summary.n_untried = len(self._songs) - self._meter.n_songs_ended
        self._summary.wall_s = self._meter.wall_s

    def _work_through(self, next_task: Callable[[], Task | None]) -> None:
        self._todo = deque(song for song in self._songs.values() if not self._has_ended(song))
        for event in self._pool.run(next_task):
            self._take(event.task, event.reply)

    def _take(self, task: Task, reply: Any) -> None:
        song = self._songs[task.path]
        match reply:
            case Alive():
                if isinstance(task, Separate):
                    self._meter.advance(task.path, reply.fraction, reply.done_s)
                    self._show()
            case Failure():
                self._failed(song, reply.message, is_disk=reply.is_disk)
            case Source():
                self._known[task.path] = reply
                self._log.remember(task.path, reply)
                if song.path in self._targets:
                    self._decide(song, reply)
            case Separated():
                assert isinstance(task, Separate)
                self._separated(song, task.source, reply)
        if isinstance(task, Separate) and not isinstance(reply, Alive):
            self._todo.extendleft(reversed(self._making.pop(task.source.content, [])))

    # What is next

    def _probe_next(self) -> Task | None:
        while self._todo and not self._is_stopping():
            song = self._todo.popleft()
            try:
                if self._fresh(song) is None:
                    return Probe(song.path, with_tags=True)
            except AudioError as error:
                self._failed(song, str(error))
        return None

    def _next(self) -> Task | None:
        while not self._is_stopping():
            if self._tasks:
                return self._tasks.popleft()
            if not self._todo:
                return None
            song = self._todo.popleft()
            if self._has_ended(song):
                continue
            try:
                source = self._fresh(song)
            except AudioError as error:
                self._failed(song, str(error))
                continue
            if source is None:
                return Probe(song.path)
            self._decide(song, source)
        return None

    def _is_stopping(self) -> bool:
        return self._stop.is_set() or self._summary.halted is not None

    def _fresh(self, song: Input) -> Source | None:
        """What is known of a song's file, if it is still that file."""
        known = self._known.get(song.path) or self._log.source(song.path)
        if known is None or known.stamp != stamp_of(song.path):
            return None
        if needs_tags(self._work.options.template) and known.tags == "{}":
            return self._known.get(song.path)  # an earlier run did not look for tags
        self._known[song.path] = known
        return known

    def _name_all(self) -> None:
        """Give each song its files; songs whose file changed come last, so that a renamed song's
        stems are moved before a new song of its old name replaces them."""
        for song in self._songs.values():
            if self._has_ended(song) or self._is_stopping():
                continue
            tags = self._known[song.path].tags if song.path in self._known else "{}"
            try:
                self._targets[song.path] = self._layout.place(song, json.loads(tags))
            except UnbraidError as error:
                self._failed(song, str(error))
        changed = {p for p in self._songs if self._log.source(p) and p not in self._known}
        self._songs = dict(sorted(self._songs.items(), key=lambda item: item[0] in changed))

    def _is_taken(self, song: Input, folded: bytes) -> bool:
        owner = self._log.owner(folded)
        if owner is None or owner.source == song.path:
            return False
        if os.path.lexists(owner.source):
            return True
        # Its song is gone: moved here, or another one of the same name?
        try:
            source = self._fresh(song)
            if source is None:
                source = Source(stamp_of(song.path), file_digest(song.path), "{}")
                self._known[song.path] = source
        except (AudioError, OSError):
            return True
        return owner.content != source.content

    # What is to be done for one song

    def _decide(self, song: Input, source: Source) -> None:
        targets = self._targets[song.path]
        donors = [
            file
            for file in self._log.made_from(source.content, self._key)
            if self._log.is_there(file, thoroughly=self._verify)
        ]
        in_place = [f for f in donors if targets.get(f.output) == f.target]
        if len(in_place) == len(targets):
            is_ours = all(file.source == song.path for file in in_place)
            if not is_ours:
                self._log.adopt(in_place, song.path)
            self._end(SongEvent("skipped" if is_ours else "moved", song.path, self._full(targets)))
            return
        foreign = self._foreign(targets)
        if foreign is not None:
            self._failed(
                song,
                f"{foreign}: exists already and no batch wrote it; use --force to replace, or -o",
            )
        elif {file.output for file in donors} >= set(targets):
            self._take_over(song, targets, donors)
        elif source.content in self._making:
            self._making[source.content].append(song)
        else:
            self._making[source.content] = []
            self._tasks.append(self._separate(song, source))

    def _separate(self, song: Input, source: Source) -> Separate:
        folder = self._log.staging / str(next(self._serial))
        options = replace(self._work.options, folder=folder, template=_STAGED_NAME, force=True)
        return Separate(song.path, source, options)

    def _separated(self, song: Input, source: Source, reply: Separated) -> None:
        targets = self._targets[song.path]
        files = [
            LoggedFile(
                targets[output],
                song.path,
                output,
                source.content,
                self._key,
                staged.n_bytes,
                staged.mtime_ns,
                staged.sha256,
                staged.path.relative_to(self._log.folder),
            )
            for output, staged in reply.files.items()
        ]
        facts = asdict(reply.result)
        facts["paths"] = {output: str(path) for output, path in self._full(targets).items()}
        warnings = facts.pop("warnings")
        self._meter.separated(song.path, reply.result.audio_s)
        self._publish(song, files, "done", warnings, facts)

    def _take_over(self, song: Input, targets: Targets, donors: list[LoggedFile]) -> None:
        """Files made from the same content are moved along, or copied if their song is there."""
        sources = {file.source: self._has_left(file, song) for file in donors}
        files = []
        is_copied = False
        folder = self._log.staging / str(next(self._serial))
        for output, target in targets.items():
            ours = [file for file in donors if file.output == output]
            ours.sort(key=lambda file: (file.target != target, not sources[file.source]))
            donor = ours[0]
            if donor.target == target:
                self._log.adopt([donor], song.path)
                continue
            donated = replace(donor, target=target, source=song.path, staged=donor.target)
            if not sources[donor.source]:
                is_copied = True
                try:
                    donated = self._copied(donated, folder)
                except OSError as error:
                    self._failed(song, f"{target}: cannot be copied there ({error.strerror})")
                    return
            files.append(donated)
        self._publish(song, files, "copied" if is_copied else "moved", [], {})

    def _copied(self, file: LoggedFile, folder: Path) -> LoggedFile:
        assert file.staged is not None
        folder.mkdir(parents=True, exist_ok=True)
        copy = folder / file.staged.name
        shutil.copyfile(self._log.folder / file.staged, copy)
        sync_file(copy)
        staged = copy.relative_to(self._log.folder)
        return replace(file, mtime_ns=copy.stat().st_mtime_ns, staged=staged)

    def _has_left(self, file: LoggedFile, song: Input) -> bool:
        """Whether the song that a file was made from is elsewhere now, or another."""
        if file.source == song.path:
            return True
        try:
            stamp = stamp_of(file.source)
        except AudioError:
            return True
        known = self._log.source(file.source)
        return known is None or known.stamp != stamp

    def _publish(
        self,
        song: Input,
        files: list[LoggedFile],
        state: State,
        warnings: list[str],
        facts: dict[str, Any],
    ) -> None:
        self._log.note(song.path, self._key, state, facts)
        try:
            aside = self._log.publish(files, force=self._work.options.force)
        except JobLogError:
            raise
        except OutputError as error:
            self._failed(song, str(error))
            return
        told = [f"was changed by somebody, and is now {path}" for path in aside]
        self._end(
            SongEvent(
                state,
                song.path,
                self._full(self._targets[song.path]),
                warnings=(*warnings, *told),
                facts=facts,
            )
        )

    def _foreign(self, targets: Targets) -> Path | None:
        if self._work.options.force:
            return None
        for target in targets.values():
            path = self._log.folder / target
            if os.path.lexists(path) and self._log.file(target) is None:
                return path
        return None

    def _full(self, targets: Targets) -> dict[str, Path]:
        return {output: self._log.folder / target for output, target in targets.items()}

    # How it ends

    def _failed(self, song: Input, error: str, *, is_disk: bool = False) -> None:
        if song.root is not None and device_of(song.root) != self._disks[song.root]:
            error = f"{song.root}: is gone; connect its disk and run the batch again"
            self._summary.halted = self._summary.halted or error
            return
        self._log.note(song.path, self._key, "failed", {"error": error})
        self._end(SongEvent("failed", song.path, error=error))
        if is_disk:
            self._summary.halted = error

    def _has_ended(self, song: Input) -> bool:
        return song.path in self._meter.ended

    def _end(self, event: SongEvent) -> None:
        self._summary.states[event.state] += 1
        if event.error is not None:
            self._summary.failures[event.source] = event.error
        self._summary.audio_s = self._meter.audio_s
        self._meter.end(event.source)
        self._tell(event)
        self._show()

    def _show(self) -> None:
        self._tell(self._meter.progress(self._summary.states["failed"]))
