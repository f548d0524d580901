"""Where each value comes from, and what is refused on the way."""

import json

import pytest

from gateway.config import BadSetting, Config
from gateway.settings import load


@pytest.fixture
def file(tmp_path):
    """Writes a configuration file."""

    def write(text, name="s3gw.toml"):
        path = tmp_path / name
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        return path

    return write


@pytest.mark.parametrize("in_file", [None, "file:1"])
@pytest.mark.parametrize("in_environment", [None, "", "env:2"])
@pytest.mark.parametrize("as_flag", [None, "flag:3"])
def test_flag_over_environment_over_file_over_default(file, in_file, in_environment, as_flag):
    path = file(f'listen = "{in_file}"' if in_file else "")
    environ = {} if in_environment is None else {"S3GW_LISTEN": in_environment}

    found = load({"listen": as_flag}, environ, path)

    said = as_flag or in_environment or in_file
    assert found.values["listen"] == (said or "127.0.0.1:9000")
    assert (
        found.sources["listen"]
        == {
            "flag:3": "flag --listen",
            "env:2": "environment S3GW_LISTEN",
            "file:1": f"file {path}",
            None: "default",
        }[said]
    )


def test_the_file_may_be_named_in_the_environment(file):
    path = file("workers = 3")

    assert load({}, {"S3GW_CONFIG": str(path)}).values["workers"] == 3


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("workers", "2", 2),
        ("inline_bytes", "16KiB", 16 * 1024),
        ("inline_bytes", "16K", 16 * 1024),
        ("segment_bytes", "2 GB", 2 * 1000**3),
        ("segment_bytes", "1 GiB", 1024**3),
        ("max_put_bytes", "512B", 512),
        ("drain_seconds", "2.5", 2.5),
        ("drain_seconds", "500ms", 0.5),
        ("drain_seconds", "2m", 120.0),
        ("upload_days", "36h", 1.5),
        ("upload_days", "7", 7.0),
        ("sigv2", "off", False),
        ("block_public", "TRUE", True),
        ("base_domains", "s3.example.com, localhost,", ("s3.example.com", "localhost")),
        ("tls_cert", "/etc/cert.pem", "/etc/cert.pem"),
        ("s3_compatible_api", "enable", True),
        ("s3_compatible_api", "disable", False),
        ("s3_compatible_api", "true", True),
        ("s3_compatible_api", "false", False),
    ],
)
def test_text_becomes_the_type_of_its_row(name, text, expected):
    found = load({name: text}, {}).values[name]

    assert (str(found) if isinstance(expected, str) else found) == expected
    assert load({}, {f"S3GW_{name.upper()}": text}).values[name] == found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("workers", "two"),
        ("workers", "1.5"),
        ("workers", "4KiB"),
        ("workers", "-1e3"),
        ("inline_bytes", "16 apples"),
        ("drain_seconds", "soon"),
        ("drain_seconds", "nan"),
        pytest.param("workers", "9" * 5000, id="workers-too-many-digits"),
        ("sigv2", "maybe"),
        ("s3_compatible_api", "enabled"),
    ],
)
def test_text_of_another_type_is_refused_by_name_and_source(name, text):
    flag = name.replace("_", "-")
    with pytest.raises(BadSetting, match=rf"^{name} \(flag --{flag}\)"):
        load({name: text}, {})


@pytest.mark.parametrize(
    "text",
    ["workers = true", "sigv2 = 1", "listen = 9000", "base_domains = 5", "base_domains = [1]",
     "drain_seconds = []", "tls_cert = 3", "inline_bytes = 1.5",
     pytest.param(f"drain_seconds = {10**400}", id="too large a number")],
)  # fmt: skip
def test_a_file_value_of_another_type_is_refused(file, text):
    with pytest.raises(BadSetting):
        load({}, {}, file(text))


def test_a_file_holds_toml_types(file):
    path = file("""
        workers = 3
        sigv2 = false
        base_domains = ["a.example", "b.example"]
        drain_seconds = 2
        cors_allow_origin = 'https://a.example,https://b.example'
    """)

    found = load({}, {}, path).values

    assert (found["workers"], found["sigv2"], found["drain_seconds"]) == (3, False, 2.0)
    assert found["base_domains"] == ("a.example", "b.example")
    assert found["cors_allow_origin"] == ("https://a.example", "https://b.example")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [({}, "0.0.0.0:9000"), ({"PORT": ""}, "0.0.0.0:9000"), ({"PORT": "81"}, "0.0.0.0:81")],
)
def test_a_variable_with_a_default_is_filled_in(file, environ, expected):
    path = file('listen = "0.0.0.0:${env.PORT:=9000}"')

    assert load({}, environ, path).values["listen"] == expected


def test_variables_are_filled_in_everywhere_text_stands(file):
    path = file("""
        workers = "${env.N:=3}"
        base_domains = ["${env.A}.example", "x-${env.A}-${env.B:=}"]
    """)

    found = load({}, {"A": "a"}, path).values

    assert (found["workers"], found["base_domains"]) == (3, ("a.example", "x-a-"))


def test_a_missing_variable_without_a_default_is_refused(file):
    with pytest.raises(BadSetting, match="PORT"):
        load({}, {}, file('listen = ":${env.PORT}"'))


def test_an_unknown_name_in_the_file_names_the_nearest(file):
    with pytest.raises(BadSetting, match="unknown setting 'lisen'; did you mean 'listen'"):
        load({}, {}, file("lisen = ':1'"))


def test_an_unknown_variable_names_the_nearest():
    with pytest.raises(BadSetting, match="S3GW_BUCKET; did you mean 'S3GW_BUCKETS'"):
        load({}, {"S3GW_BUCKET": "a"})


def test_variables_that_are_no_settings_are_let_pass():
    known = ["S3GW_BUCKETS", "S3GW_ROOT_ACCESS_KEY", "S3GW_ROOT_SECRET_KEY_FILE", "S3GW_FAILPOINT"]

    assert set(load({}, dict.fromkeys(known, "x")).sources.values()) == {"default"}


@pytest.mark.parametrize(
    "text", ["workers = ", "{", '{"Other": {}}', '{"S3CompatibleApi": {}}', "[]"]
)
def test_a_malformed_file_is_refused_by_name(file, text):
    with pytest.raises(BadSetting, match=r"s3gw\.toml"):
        load({}, {}, file(text))


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, '{"a": ' * 5000], ids=["toml", "json"])
def test_a_file_nested_too_deeply_is_refused(file, text):
    with pytest.raises(BadSetting, match="nested too deeply"):
        load({}, {}, file(text))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(BadSetting, match="cannot read"):
        load({}, {}, tmp_path / "none.toml")


BTIP25 = {
    "Identity": {"PeerID": "16Uiu2"},
    "S3CompatibleAPI": {
        "Enable": False,
        "Address": "127.0.0.1:5201",
        "HTTPHeaders": {
            "Access-Control-Allow-Headers": ["X-Requested-With", "Range", "User-Agent"],
            "Access-Control-Allow-Methods": ["GET"],
            "Access-Control-Allow-Origin": ["*"],
        },
    },
}


def test_the_documents_own_block_is_accepted(file):
    """BTIP-25 "Configuration and start command options", the block as it stands there."""
    found = load({}, {}, file(BTIP25, "config.json")).values

    assert found["s3_compatible_api"] is False
    assert found["listen"] == "127.0.0.1:5201"
    assert found["cors_allow_headers"] == ("X-Requested-With", "Range", "User-Agent")
    assert found["cors_allow_methods"] == ("GET",)
    assert found["cors_allow_origin"] == ("*",)


@pytest.mark.parametrize(
    ("flag", "configured", "expected"),
    [
        ("enable", False, True),
        ("enable", True, True),
        ("disable", True, False),
        ("", True, True),
        ("", False, False),
        (None, True, True),
        (None, False, False),
    ],
)
def test_the_option_beats_the_block_unless_it_is_empty(file, flag, configured, expected):
    path = file({"S3CompatibleAPI": {"Enable": configured}}, "config.json")

    assert load({"s3_compatible_api": flag}, {}, path).values["s3_compatible_api"] is expected


@pytest.mark.parametrize(
    "block",
    [
        {"EnableS3": True},
        {"Enable": "perhaps"},
        {"HTTPHeaders": {"Server": ["x"]}},
        {"HTTPHeaders": ["x"]},
        {"HTTPHeaders": {"Access-Control-Allow-Origin": [1]}},
        {
            "HTTPHeaders": {
                "Access-Control-Allow-Origin": 1,
                "Access-Control-Allow-Credentials": ["true"],
            }
        },
        [],
    ],
)
def test_anything_else_in_the_block_is_refused(file, block):
    with pytest.raises(BadSetting):
        load({}, {}, file({"S3CompatibleAPI": block}, "config.json"))


@pytest.mark.parametrize("origin", ["*", ["*"], ["https://a.example", "*"]])
def test_every_origin_never_goes_with_credentials(file, origin):
    headers = {
        "access-control-allow-origin": origin,
        "Access-Control-Allow-Credentials": ["true"],
    }
    with pytest.raises(BadSetting, match="credentials"):
        load({}, {}, file({"S3CompatibleAPI": {"HTTPHeaders": headers}}, "config.json"))


def test_an_empty_block_as_go_writes_it_changes_nothing(file):
    path = file({"S3CompatibleAPI": {"Enable": None, "HTTPHeaders": None}}, "config.json")

    assert set(load({}, {}, path).sources.values()) == {"default"}


def test_the_defaults_are_a_config(file):
    assert load({}, {}).config() == Config()
