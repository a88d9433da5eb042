"""Which frames are seen: CoVR's rules, whose numbers a test of its reader holds to the peer's."""

from gcl_spec.data.prepare.frame_places import is_video, repeated, spread_frames
from gcl_spec.tasks.peers.covr import peer_positions


def test_a_short_video_repeats_its_frames_as_the_peers_loader_does() -> None:
    for length, count in ((2, 5), (1, 3), (5, 5), (3, 4)):
        places = spread_frames(length, count)
        found = [places[n] for n in repeated(len(places), count)]
        assert [place - 1 for place in found] == peer_positions(length, count)


def test_a_name_says_that_a_file_is_a_video() -> None:
    assert all(is_video(f"a b/c.d{end}") for end in (".mp4", ".WEBM", ".mkv", ".mov", ".avi"))
    assert not any(map(is_video, ("a.mp4.png", "mp4", "", ".mp4/x", "iVBORw0KGgo" * 99)))
