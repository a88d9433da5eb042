"""What `gcl data check` sees of videos: those that cannot be decoded are bad samples."""

from pathlib import Path

from gcl_spec.audit.findings import check_data
from gcl_spec.audit.looks import look_at
from gcl_spec.data.open import source_of
from gcl_spec.progress import Quiet
from video_files import small, write_samples, write_videos
from videos import sound


def test_videos_that_cannot_be_decoded_are_listed(tmp_path: Path) -> None:
    folder = write_samples(tmp_path / "d", 5)
    (folder / "videos" / "1.mp4").write_bytes(b"no video")
    (folder / "videos" / "2.mp4").write_bytes(sound())
    (folder / "videos" / "4.mp4").write_bytes((folder / "videos" / "3.mp4").read_bytes())
    found = check_data(small(folder, "data.frame_cache=0"))
    assert [bad.place.rpartition(":")[2] for bad in found.bad] == ["2", "3"]
    assert "not a readable video" in found.bad[0].reason
    assert "without video" in found.bad[1].reason
    assert found.contents == {"text+video": 3}
    assert found.repeated_images == 2
    assert any("samples are bad" in line for line in found.problems(0.01))
    assert not any("no pair" in line for line in found.problems(0.9))


def test_of_a_triplet_the_target_is_the_answer(tmp_path: Path) -> None:
    write_videos(tmp_path, 2)
    path = tmp_path / "webvid2m-covr_train.csv"
    path.write_text("pth1,pth2,edit\nvideos/0,videos/1,darker\nvideos/1,videos/1,darker\n")
    config = small(path, "objective.preset=triplets")
    first, second = look_at(source_of(config), [0, 1], config, Quiet())
    assert first.answer == second.answer
    assert len(first.images) == 2
    assert first.asked != second.asked, "the same edit of another video is another query"
