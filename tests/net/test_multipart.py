"""A multipart/related body comes apart as it was put together, and bounds what a peer may send."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dicomlab as dl
from dicomlab.model import DicomlabError
from dicomlab.net.multipart import multipart_related, parts_of

RELATED = 'multipart/related; type="application/dicom"; boundary=cut'


def test_images_come_apart_as_dicom_files() -> None:
    images = dl.made_up_images(3)
    parts = parts_of(*multipart_related(images))
    assert len(parts) == 3
    assert all(part[128:132] == b"DICM" for part in parts)
    assert all(image.PixelData in part for image, part in zip(images, parts, strict=True))


def test_the_same_images_make_the_same_body() -> None:
    assert multipart_related(dl.made_up_images(2)) == multipart_related(dl.made_up_images(2))


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5))
def test_any_bytes_come_apart(contents: list[bytes]) -> None:
    body = b"".join(b"--cut\r\nA: b\r\n\r\n" + one + b"\r\n" for one in contents) + b"--cut--"
    if b"--cut" not in b"".join(contents):
        assert parts_of(RELATED, body) == contents


def test_a_part_may_have_no_header_and_the_body_words_around() -> None:
    assert parts_of(RELATED, b"hello\r\n--cut \r\n\r\nnothing\r\n--cut--\r\nbye") == [b"nothing"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("", b""),
        (None, b"--cut\r\n\r\nx\r\n--cut--"),
        ("text/plain", b"--cut\r\n\r\nx\r\n--cut--"),
        ("multipart/related", b"--cut\r\n\r\nx\r\n--cut--"),
        ("multipart/form-data; boundary=cut", b"--cut\r\n\r\nx\r\n--cut--"),
        (RELATED, b""),
        (RELATED, b"--cut--"),
        (RELATED, b"--cut\r\n\r\nx"),
        (RELATED, b"--cut\r\n\r\nx\r\n--cut"),
        (RELATED, b"--cut\r\n\r\n\r\n" * 20_000 + b"--cut--"),
    ],
)
def test_what_is_no_such_body_is_said(content_type: Any, body: bytes) -> None:
    with pytest.raises(DicomlabError, match=r"multipart|parts"):
        parts_of(content_type, body)
