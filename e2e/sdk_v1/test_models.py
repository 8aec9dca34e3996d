"""Register, list, get, download, delete: bytes come back as they went."""

import hashlib
import os
import uuid

import pytest
import requests
from azureml.core import Dataset, Datastore, Image, Model
from azureml.core.resource_configuration import ResourceConfiguration
from azureml.exceptions import UserErrorException, WebserviceException
from services import ECHO, healthy, one_replica, script

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


# What the server offers beyond register, get and delete.


@pytest.fixture
def file(folder):
    (folder / "a.txt").write_text("a")
    return "a.txt"


def versions(models):
    return sorted(model.version for model in models)


def test_lists_are_filtered_by_everything(workspace, file, name):
    Model.register(
        workspace, file, name, tags={"stage": "gold", "team": "a"}, properties={"origin": "here"},
        model_framework=Model.Framework.ONNX, model_framework_version="1.17",
    )
    Model.register(workspace, file, name, tags={"stage": "gold"}, properties={"origin": "there"})
    Model.register(workspace, file, name, model_framework=Model.Framework.CUSTOM)

    def listed(**filters):
        return versions(Model.list(workspace, name=name, **filters))

    assert listed(tags=["stage"]) == [1, 2]
    assert listed(tags=[["stage", "gold"], "team"]) == [1]
    assert listed(tags=[["stage", "silver"]]) == []
    assert listed(properties=["origin"]) == [1, 2]
    assert listed(properties=[["origin", "there"]]) == [2]
    assert listed(tags=["stage"], properties=[["origin", "here"]]) == [1]
    assert listed(model_framework="Onnx") == [1]
    assert listed(model_framework="Onnx", tags=["team"], latest=True) == []
    assert listed(model_framework="Custom", latest=True) == [3]
    assert listed(run_id="no-such-run") == listed(dataset_id="no-such-dataset") == []
    assert listed(expand=False, page_count=20) == [1, 2, 3]
    newest = Model(workspace, name, tags=["stage"])
    assert newest.version == 2
    assert Model(workspace, name, properties=[["origin", "here"]]).version == 1
    with pytest.raises(WebserviceException) as error:
        Model(workspace, name, run_id="no-such-run")
    assert "ModelNotFound" in str(error.value)
    # What changes is found under what it has become.
    newest.remove_tags(["stage"])
    newest.add_tags({"late": "yes"})
    assert listed(tags=["stage"]) == [1] and listed(tags=["late"]) == [2]


def test_pages_of_255_go_on(workspace, file, name, arm):
    asset = Model.register(workspace, file, name, tags={"batch": name}).url
    body = {"name": name, "url": asset, "mimeType": "application/json", "kvTags": {"batch": name}}
    for _ in range(255):
        answer = arm.call("POST", f"/modelmanagement/v1.0{arm.workspace}/models", json=body)
        assert answer.status_code == 200, answer.text
    for filters in ({"name": name}, {"tags": [["batch", name]]}):
        found = [model.version for model in Model.list(workspace, **filters)]
        assert found == list(range(256, 0, -1))
    for count in (0, 1_001):
        answer = arm.call("GET", f"/modelmanagement/v1.0{arm.workspace}/models?count={count}")
        assert answer.status_code == 400 and "count" in answer.text


def test_everything_that_can_be_changed(workspace, file, name):
    model = Model.register(
        workspace, file, name, resource_configuration=ResourceConfiguration(cpu=1, gpu=0)
    )
    found = Model(workspace, name).resource_configuration
    assert (found.cpu, found.memory_in_gb, found.gpu) == (1.0, None, 0)
    model.update(
        tags={"a": "b"}, description="d",
        resource_configuration=ResourceConfiguration(cpu=0.5, memory_in_gb=2, gpu=None),
    )
    model.update_tags_properties(
        add_tags={"c": "d"}, remove_tags=["a"], add_properties={"p": "q"}
    )
    model.add_properties({"r/s": "t"})
    model.add_dataset_references([])
    found = Model(workspace, name)
    assert (found.tags, found.description) == ({"c": "d"}, "d")
    assert found.properties == {"p": "q", "r/s": "t"}
    sizes = found.resource_configuration
    assert (sizes.cpu, sizes.memory_in_gb, sizes.gpu) == (0.5, 2.0, None)
    assert found.datasets == {} and found.sample_input_dataset is None
    # Properties can only be added.
    found.properties = {}
    with pytest.raises(WebserviceException) as error:
        found.add_properties({"p": "other"})
    assert "can only be added" in str(error.value)


def test_a_used_model_cannot_be_deleted(workspace, cluster, file, name):
    model = Model.register(workspace, file, name)
    service = Model.deploy(
        workspace, name, [model], script(ECHO), one_replica(), cluster, show_output=True
    )
    try:
        with pytest.raises(WebserviceException) as error:
            model.delete()
        assert "412" in str(error.value) or "currently being used" in str(error.value)
        healthy(service)
        assert [it.id for it in service.models] == [f"{name}:1"]
    finally:
        service.delete()
    model.delete()


def test_download_does_not_overwrite_unless_told(workspace, file, name):
    model = Model.register(workspace, file, name)
    model.download(target_dir="back")
    with pytest.raises(WebserviceException) as error:
        model.download(target_dir="back")
    assert "already exists" in str(error.value)
    model.download(target_dir="back", exist_ok=True)
    urls = model.get_sas_urls()
    assert list(urls) == ["a.txt"]
    assert requests.get(urls["a.txt"], timeout=10).text == "a"


def test_a_model_comes_back_from_its_text(workspace, file, name):
    model = Model.register(workspace, file, name, tags={"a": "b"}, description="d")
    text = model.serialize()
    assert (text["id"], text["tags"], text["datasets"]) == (f"{name}:1", {"a": "b"}, [])
    # As a service carries it.
    payload = dict(text, createdTime=text["createdTime"], createdBy={"userName": "somebody"})
    again = Model.deserialize(workspace, payload)
    assert (again.id, again.tags, again.description) == (f"{name}:1", {"a": "b"}, "d")


def test_a_path_is_found_in_the_workspace(workspace, file, name):
    Model.register(workspace, file, name)
    path = Model.get_model_path(name, _workspace=workspace)
    assert os.path.normpath(path) == os.path.normpath(f"azureml-models/{name}/1/a.txt")
    assert Model.get_model_path(name, version=1) == path


def test_packages_and_profiles_are_refused_with_what_to_do(workspace, file, name):
    model = Model.register(workspace, file, name, model_framework=Model.Framework.ONNX)
    for inference in (None, script(ECHO)):
        with pytest.raises(Exception) as error:
            Model.package(workspace, [model], inference)
        assert "deploy with Model.deploy" in str(error.value)
    # The client itself wants a package and a dataset that it cannot have.
    with pytest.raises(UserErrorException):
        Model.profile(workspace, "profile", [model], script(ECHO), None)
    # A model of a run: there are no runs.
    assert Image.list(workspace) == [] and workspace.images == {}


def test_data_is_empty_but_typed(workspace):
    assert dict(workspace.datasets) == {} and dict(Dataset.get_all(workspace)) == {}
    assert workspace.datastores == {}
    # The client has words of its own for a dataset that is not found.
    with pytest.raises(UserErrorException) as error:
        Dataset.get_by_name(workspace, "iris")
    assert 'Cannot find dataset registered with name "iris"' in str(error.value)
    with pytest.raises(Exception) as error:
        Dataset.get_by_id(workspace, str(uuid.uuid4()))
    assert "not found" in str(error.value).lower() or "Cannot" in str(error.value), str(error.value)
    for ask in (
        lambda: Datastore.get(workspace, "workspaceblobstore"),
        workspace.get_default_datastore,
        lambda: workspace.set_default_datastore("other"),
        lambda: Datastore.register_azure_blob_container(
            workspace, "mine", "container", "account", account_key="a2V5"
        ),
    ):
        with pytest.raises(Exception) as error:
            ask()
        assert "register files as a model" in str(error.value), str(error.value)
