"""Register, list, get, download, delete: bytes come back as they went."""

import hashlib
import os
import uuid

import pytest
import requests
from azureml.core import Model
from azureml.exceptions import WebserviceException

MIB = 1 << 20


@pytest.fixture
def name():
    return f"m-{uuid.uuid4().hex[:8]}"


def tree(folder):
    """Relative paths with digests of what is below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_single_file_comes_back_byte_for_byte(workspace, folder, name):
    content = os.urandom(100_000)
    (folder / "weights.bin").write_bytes(content)
    model = Model.register(
        workspace, "weights.bin", name, tags={"a": "b"}, properties={"p": "q"}, description="d"
    )
    assert (model.name, model.version, model.id) == (name, 1, f"{name}:1")
    found = Model(workspace, name)
    assert (found.tags, found.properties, found.description) == ({"a": "b"}, {"p": "q"}, "d")
    path = found.download(target_dir="back")
    assert os.path.basename(path) == "weights.bin"
    assert (folder / path).read_bytes() == content


def test_a_folder_keeps_its_tree(workspace, folder, name):
    (folder / "net" / "layers").mkdir(parents=True)
    (folder / "net" / "graph.json").write_text("{}")
    (folder / "net" / "empty").write_bytes(b"")
    (folder / "net" / "layers" / "0 ä+%.bin").write_bytes(os.urandom(5000))
    model = Model.register(workspace, "net", name)
    path = model.download(target_dir="back")
    assert tree(folder / path) == tree(folder / "net")


def test_child_paths_take_only_those(workspace, folder, name):
    (folder / "net" / "keep").mkdir(parents=True)
    (folder / "net" / "keep" / "a").write_text("a")
    (folder / "net" / "leave").write_text("b")
    model = Model.register(workspace, "net", name, child_paths=["keep"])
    model.download(target_dir="back")
    files = [path.name for path in (folder / "back").rglob("*") if path.is_file()]
    assert files == ["a"]


def test_a_file_of_many_blocks(workspace, folder, name):
    # Beyond what the client sends in one piece, and no multiple of its blocks.
    content = os.urandom(MIB) * 70 + b"tail"
    (folder / "large.bin").write_bytes(content)
    model = Model.register(workspace, "large.bin", name)
    path = model.download(target_dir="back")
    back = (folder / path).read_bytes()
    assert hashlib.sha256(back).digest() == hashlib.sha256(content).digest()


def test_versions_count_up_and_list_pages(workspace, folder, name):
    for number in range(1, 4):
        (folder / "a.txt").write_text(str(number))
        model = Model.register(workspace, "a.txt", name, tags={"number": str(number)})
        assert model.version == number
    assert Model(workspace, name).version == 3
    assert Model(workspace, name, version=2).tags == {"number": "2"}
    assert Model(workspace, id=f"{name}:1").version == 1
    assert sorted(m.version for m in Model.list(workspace, name=name)) == [1, 2, 3]
    assert [m.version for m in Model.list(workspace, name=name, latest=True)] == [3]
    assert [m.version for m in Model.list(workspace, name=name, tags=[["number", "1"]])] == [1]


def test_a_list_goes_on_over_pages(workspace, folder, name):
    (folder / "a.txt").write_text("a")
    for number in range(22):
        Model.register(workspace, "a.txt", f"{name}-{number}", tags={"batch": name})
    found = Model.list(workspace, tags=[["batch", name]], page_count=20)
    assert len({m.name for m in found}) == 22


def test_tags_change_and_framework_stays(workspace, folder, name):
    (folder / "a.onnx").write_text("a")
    model = Model.register(
        workspace, "a.onnx", name,
        model_framework=Model.Framework.ONNX, model_framework_version="1.17",
    )
    model.add_tags({"stage": "gold"})
    model.add_properties({"origin": "here"})
    model.update(description="better")
    found = Model(workspace, name)
    assert found.tags == {"stage": "gold"}
    assert found.properties["origin"] == "here"
    assert found.description == "better"
    assert (found.model_framework, found.model_framework_version) == ("Onnx", "1.17")
    found.remove_tags(["stage"])
    assert Model(workspace, name).tags == {}


def test_delete_removes_that_version_alone(workspace, folder, name):
    (folder / "a.txt").write_text("a")
    first = Model.register(workspace, "a.txt", name)
    Model.register(workspace, "a.txt", name)
    first.delete()
    assert [m.version for m in Model.list(workspace, name=name)] == [2]
    with pytest.raises(WebserviceException) as error:
        Model(workspace, id=f"{name}:1")
    assert "ModelNotFound" in str(error.value)
    # A number once given is not given again.
    Model(workspace, id=f"{name}:2").delete()
    assert Model.register(workspace, "a.txt", name).version == 3


def test_an_unknown_model_is_named(workspace):
    with pytest.raises(WebserviceException) as error:
        Model(workspace, "no-such-model")
    assert "ModelNotFound" in str(error.value)


def upload_url(arm, path="net/a.bin"):
    answer = arm.call(
        "POST",
        f"/artifact/v2.0{arm.workspace}/artifacts/batch/metadata/LocalUpload/{uuid.uuid4().hex}",
        json={"paths": [{"path": path}]},
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["artifactContentInformation"][path]["contentUri"]


BLOCK = {"x-ms-blob-type": "BlockBlob", "Content-Type": "application/octet-stream"}


def test_a_signature_is_good_for_its_path_alone(arm):
    url = upload_url(arm)
    other = url.replace("/net/a.bin?", "/net/b.bin?")
    assert other != url
    for wrong in (other, url.split("?")[0], url[:-6] + "AAAAAA"):
        answer = requests.put(wrong, data=b"x", headers=BLOCK, timeout=10)
        assert answer.status_code == 403, (answer.status_code, answer.text)
        assert "<Code>" in answer.text
    assert requests.put(url, data=b"x", headers=BLOCK, timeout=10).status_code == 201
    # A signature to write does not read.
    assert requests.delete(url, timeout=10).status_code in (403, 405)


def test_bytes_that_do_not_match_their_digest_are_refused(arm):
    url = upload_url(arm)
    wrong = BLOCK | {"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}
    answer = requests.put(url, data=b"x", headers=wrong, timeout=10)
    assert answer.status_code == 400 and "Md5Mismatch" in answer.text
    assert requests.put(url, data=b"x", headers=BLOCK, timeout=10).status_code == 201


def test_a_block_list_with_an_unknown_block_is_refused(arm):
    url = upload_url(arm)
    body = "<?xml version='1.0'?><BlockList><Latest>QUFBQQ==</Latest></BlockList>"
    answer = requests.put(f"{url}&comp=blocklist", data=body, timeout=10)
    assert answer.status_code == 400 and "InvalidBlockList" in answer.text


@pytest.mark.parametrize("path", ["../a", "/etc/passwd", "a/../../b", "a//b", "", "a\u0000b"])
def test_paths_that_leave_their_folder_are_refused(arm, path):
    answer = arm.call(
        "POST",
        f"/artifact/v2.0{arm.workspace}/artifacts/batch/metadata/LocalUpload/abc",
        json={"paths": [{"path": path}]},
    )
    assert answer.status_code == 400, answer.text


def test_a_model_over_a_missing_asset_is_refused(arm):
    answer = arm.call(
        "POST",
        f"/modelmanagement/v1.0{arm.workspace}/models",
        json={"name": "ghost", "url": "aml://asset/00000000000000000000000000000000",
              "mimeType": "application/json"},
    )
    assert answer.status_code in (400, 404)
    body = answer.json()
    assert body["statusCode"] == answer.status_code and body["message"]
