"""The list of rules: what is promised to contributors under a stable id."""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """One rule: its family (section of the docs), default severity and what it holds, in one sentence."""

    family: str
    severity: str
    summary: str


def _family(name: str, severity: str, summaries: dict[str, str]) -> dict[str, Rule]:
    return {rule: Rule(name, severity, summary) for rule, summary in summaries.items()}


ONLINE = "online"  # the family of what is found only with `--online`

RULES: dict[str, Rule] = {
    **_family(
        "form",
        "error",
        {
            "anchor": "The descriptor uses no anchors, aliases or merge keys.",
            "byte-order-mark": "The descriptor starts without a byte order mark.",
            "conflict-marker": "No conflict marker of a merge is left in the descriptor.",
            "control-character": "The descriptor holds no control or bidirectional characters, not even escaped.",
            "descriptor-missing": "Each folder `models/<name>/<version>` has a `model.yaml`.",
            "descriptor-too-large": "A descriptor has at most 256 KiB.",
            "duplicate-key": "A key stands once in a mapping.",
            "environment-missing": "Each `*_properties` has a `conda_env` or a `docker_image`.",
            "invalid-name": "A model's name keeps the rules for names.",
            "invalid-target": "A target is a plain relative path that every file system can hold.",
            "invalid-utf8": "The descriptor is UTF-8.",
            "invalid-version": "A version keeps the rules for versions.",
            "language-ambiguous": "A language's name means one language among the declared types.",
            "language-unknown": "A language is a canonical key or a BCP-47 tag.",
            "languages-missing": "Languages are listed where source code or natural language is a type.",
            "languages-unused": "No languages are listed where neither source code nor natural language is a type.",
            "lfs-pointer": "A file in git is the file itself, not a Git LFS pointer.",
            "license-unknown": "`license` is an SPDX expression.",
            "local-file-too-large": "A file beside the descriptor has at most 10 MiB, an index page 1 MiB.",
            "misplaced-key": "A key stands in its own section.",
            "missing-key": "Every required key is there.",
            "not-a-mapping": "The descriptor is a mapping with the three sections.",
            "removal-not-alone": "A removed version's descriptor holds nothing but `lifecycle`.",
            "repeated-identity": "Name and version are given by the folder alone.",
            "several-documents": "The descriptor is one YAML document.",
            "stray-file": "Everything under the models' folder belongs to a descriptor.",
            "submodule": "Nothing under the models' folder is a submodule.",
            "symlink": "Nothing under the models' folder is a symbolic link.",
            "tab-indentation": "Lines are indented with spaces.",
            "tag": "The descriptor uses no YAML tags.",
            "too-deep": "The descriptor nests at most 20 levels.",
            "twin": "No two names or versions differ only in case, in `-` and `_`, or in Unicode form.",
            "unknown-key": "Only known keys are used.",
            "wrong-type": "A value has the type that its key wants.",
            "wrong-value": "A value is one of those that its key allows.",
            "yaml-syntax": "The descriptor is YAML.",
        },
    ),
    **_family(
        "form",
        "warning",
        {
            "language-also-code": "A language tag is not also an alias of a programming language.",
        },
    ),
    **_family(
        "form",
        "notice",
        {
            "language-alias": "A language is written in its canonical spelling.",
        },
    ),
    **_family(
        "references",
        "error",
        {
            "conda-file-unknown": "Each `conda_env` is a target, a YAML file.",
            "entry-script-unknown": "Each `entry_script` is a target, a Python file.",
            "image-unknown": "Each image is a target, a picture.",
            "index-page-unknown": "`index_page_file` is a target, a Markdown file.",
            "local-file-missing": "Each file named with `./` stands beside the descriptor.",
            "package-unknown": "Each private package is a target, a wheel or an sdist.",
            "parent-invalid": "`parent` is NAME/VERSION of another version.",
            "url-not-a-target": "Where a target belongs stands no URL.",
        },
    ),
    **_family("references", "notice", {"parent-unknown": "The version that `parent` names is in the repository."}),
    **_family(
        "environments",
        "error",
        {
            "conda-file-invalid": "A conda file is YAML, a mapping whose `dependencies` are a list.",
            "docker-image-invalid": "A docker image is an OCI reference: `registry/name:tag`, `registry/name@digest`.",
        },
    ),
    **_family(
        "scripts",
        "error",
        {
            "inference-functions": "The inference script has `init` with one argument, and `run`.",
            "preprocessing-functions": "A pre-processing script has `init` and `run(line, file)`, or `run(data_dir)`.",
            "script-name": "A script's name is that of a Python module, and not `entry.py`.",
            "script-syntax": "A script is Python.",
        },
    ),
    **_family(
        "truth",
        "error",
        {
            "num-params-wrong": "`num_params` is what the headers of the weights hold.",
            "pickle-runs-code": "A pickle calls nothing that weights do not need.",
            "type-contradicts-config": "`type` is what `config.json` means.",
            "weights-shard-missing": "Each shard of the weights is there, with the tensors that the index names.",
            "weights-truncated": "Weights have all the bytes that their header names.",
            "weights-unreadable": "A safetensors file and an index of shards can be read.",
        },
    ),
    **_family(
        "truth",
        "warning",
        {
            "num-params-near": "`num_params` is not rounded.",
            "pickled-weights": "Weights are no pickles, which can run code when they are loaded.",
        },
    ),
    **_family(
        "sources",
        "error",
        {
            "source-credentials": "A source URL carries no credentials: no SAS, no user, no token.",
            "source-not-allowed": "A remote source is https and on the allow-list of the settings.",
        },
    ),
    **_family(
        "pins",
        "error",
        {
            "pin-missing": "Each remote source has `sha256` and `size`.",
        },
    ),
    **_family(
        "secrets",
        "error",
        {
            "access-token": "Neither the descriptor nor a file beside it holds a token or key of a service.",
            "password-literal": "A password is only ever named, as `${env:REGISTRY_DOCKER_PASSWORD_<X>}`.",
            "password-unbound": "A password is named only for the registry that the settings bind it to.",
            "private-key": "Neither the descriptor nor a file beside it holds a private key.",
            "url-secret": "No URL in the descriptor or a file beside it carries a SAS, a token or a password.",
        },
    ),
    **_family(
        "immutability",
        "error",
        {
            "registered-content": "A registered version keeps its content files, type, properties and packages.",
            "registered-gone": "A registered version keeps its folder, also when it is removed.",
            "registered-renamed": "A registered version keeps its name.",
        },
    ),
    **_family(
        "lifecycle",
        "error",
        {
            "reason-missing": "A version that is deprecated, withdrawn or removed says why.",
            "registered-removed": "A registered version is withdrawn before it is removed, and removed for good.",
            "replaced-by-inactive": "The version that `replaced_by` names is active.",
            "replaced-by-unknown": "`replaced_by` is NAME/VERSION of another version in the repository.",
        },
    ),
    **_family(
        "lifecycle",
        "warning",
        {
            "lifecycle-unused": "An active version names no `replaced_by`, and a reason only beside `state: active`.",
            "withdrawn-at-once": "A registered version is deprecated before it is withdrawn.",
        },
    ),
    **_family(
        "review",
        "warning",
        {
            "made-public": "A version that becomes public is looked at.",
            "withdrawal": "A version that is withdrawn or removed is looked at.",
        },
    ),
    **_family(
        "review",
        "notice",
        {
            "new-model": "The first version of a new model is looked at.",
            "new-source-host": "A host that nothing of the model came from before is looked at.",
            "new-state": "A version that is deprecated, or comes back, is looked at.",
            "num-params-jump": "A version with twice as many parameters as the one before it, or half, is looked at.",
        },
    ),
    **_family("settings", "error", {"settings-invalid": "The settings that a change leaves behind can be read."}),
    **_family("settings", "warning", {"settings-loosened": "A setting that allows more than before is looked at."}),
    **_family(
        "settings",
        "notice",
        {
            "settings-absent": "The base has the table `[tool.registry]`.",
            "settings-changed": "A setting that changes is looked at.",
        },
    ),
    **_family(
        ONLINE,
        "error",
        {
            "pin-contradicts-source": "A remote file has the `size` of its pin.",
            "source-gone": "A remote file is there.",
            "source-redirected": "A source redirects only to what the settings allow.",
            "source-refused": "A source hands out its file.",
            "source-unreachable": "A source answers, and sends one state of its file to the end.",
        },
    ),
    **_family(
        ONLINE,
        "notice",
        {
            "never-registered": "What was registered is kept; what never was may be changed or taken out freely.",
            "source-unread": "A remote file can be judged without being read at length.",
        },
    ),
}

# Running again may help; nobody has made a mistake.
RETRYABLE = frozenset({"source-unreachable"})

# What breaks one of these keeps a version from being registered, whatever its severity: there is no descriptor then, or
# no file, or the rule is held once more where versions are planned, copied and registered.
UNREGISTRABLE = frozenset(
    {"anchor", "conflict-marker", "descriptor-missing", "descriptor-too-large", "invalid-utf8"}
    | {"local-file-missing", "misplaced-key", "missing-key", "not-a-mapping", "password-literal", "password-unbound"}
    | {"pin-contradicts-source", "registered-content", "registered-removed", "removal-not-alone", "repeated-identity"}
    | {"settings-invalid", "several-documents", "source-gone", "source-not-allowed", "source-redirected"}
    | {"source-refused", "tab-indentation", "tag", "too-deep", "unknown-key", "wrong-type", "wrong-value"}
    | {"yaml-syntax"}
)
