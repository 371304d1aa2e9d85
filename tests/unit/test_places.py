"""Each finding stands at the key or value that is wrong, in block style and in flow style."""

from __future__ import annotations

import pytest

from registry.checks import check_snapshot
from registry.finding import Finding
from registry.policy import Policy
from registry.report.span import span, stands_in
from registry.snapshot import make_snapshot
from registry.tree import TreeFile

DESCRIPTOR = """\
model_config:
  type: ENCODER
  inference_properties:
    entry_script: inference.py
    conda_env: environment.yml
model_files:
  inference.py: ./inference.py
  environment.yml: ./environment.yml
  index.md: ./index.md
model_metainfo:
  index_page_file: index.md
  input_types: [NATURAL_LANGUAGE]
  input_languages: [en]
  input_description: A sentence.
  output_types: [OTHER]
  output_description: A vector.
  num_params: 9
"""
FILES = {
    "inference.py": b"def init(a): pass\ndef run(a): pass\n",
    "environment.yml": b"dependencies: []\n",
    "index.md": b"# Tiny\n",
}
URL = "https://account.blob.core.windows.net/uploads/x"
PROPERTIES = "  training_properties: {entry_script: inference.py, docker_image: python"

# What stands in the place of which line, with the part between ⟦ and ⟧ that the finding is about.
MISTAKES = [
    ("  type: ENCODER", "  type: ⟦ENCODR⟧  # a comment", "wrong-value"),
    ("  type: ENCODER", "  type: ⟦[ENCODER]⟧", "wrong-value"),
    ("  type: ENCODER", "  ⟦type⟧:\n    - ENCODER", "wrong-value"),
    ("  type: ENCODER", "  ⟦type⟧:", "wrong-type"),
    ("  type: ENCODER", "  type: ⟦~⟧", "wrong-type"),
    ("  type: ENCODER", "  type: ENCODER\n  private: ⟦'yes'⟧", "wrong-type"),
    ("  type: ENCODER", "  type: ENCODER\n  description: ⟦|⟧\n    two\n    lines", "wrong-value"),
    ("  type: ENCODER", '  type: ENCODER\n  ⟦"typ"⟧: x', "unknown-key"),
    ("  type: ENCODER", "  type: ENCODER\n  ⟦num_params⟧: x", "misplaced-key"),
    ("  type: ENCODER", "  type: ENCODER\n  ⟦type⟧: DECODER", "duplicate-key"),
    ("  type: ENCODER", f"  type: ENCODER\n{PROPERTIES}, args: {{a: 1, b: ⟦[1]⟧}}}}", "wrong-type"),
    ("  type: ENCODER", f"  type: ENCODER\n{PROPERTIES}, args: {{a: 1, b: ⟦.nan⟧}}}}", "wrong-type"),
    ("  type: ENCODER", f"  type: ENCODER\n{PROPERTIES}, args: {{a: 1, ⟦b⟧: }}}}", "wrong-type"),
    ("  type: ENCODER", f"  type: ENCODER\n{PROPERTIES}, args: ⟦[1]⟧}}", "wrong-type"),
    ("  type: ENCODER", f"  type: ENCODER\n{PROPERTIES}, ⟦arg⟧: {{}}}}", "unknown-key"),
    (
        "  type: ENCODER",
        "  type: ENCODER\n  ⟦training_properties⟧: {entry_script: inference.py}",
        "environment-missing",
    ),
    ("    conda_env: environment.yml", "    docker_image: ⟦a b⟧", "docker-image-invalid"),
    ("    entry_script: inference.py", "    entry_script: ⟦{a: 1}⟧", "wrong-type"),
    ("    entry_script: inference.py", "    ⟦entry_script⟧:\n      a: 1", "wrong-type"),
    ("    entry_script: inference.py", "    entry_script: ⟦'run me.py'⟧", "entry-script-unknown"),
    ("  inference_properties:\n    entry_script: inference.py", "  ⟦inference_properties⟧:", "missing-key"),
    ("model_files:", "model_files:\n  x.md: ⟦[./index.md]⟧", "wrong-type"),
    ("model_files:", "model_files:\n  x.md: ⟦5⟧", "wrong-value"),
    ("model_files:", "model_files:\n  x.md: {source: ./index.md, sha256: ⟦ABC⟧}", "wrong-value"),
    ("model_files:", 'model_files:\n  x.md: {source: ./index.md, size: ⟦"7"⟧}', "wrong-type"),
    ("model_files:", "model_files:\n  x.md: {source: ./index.md, ⟦md5⟧: 1}", "unknown-key"),
    ("model_files:", "model_files:\n  x.md:\n    source: ./index.md\n    size: ⟦-1⟧", "wrong-value"),
    ("model_files:", "model_files:\n  ⟦x.md⟧:\n    size: 1", "missing-key"),
    ("model_files:", "model_files:\n  ⟦x.md⟧: {size: 1}", "missing-key"),
    ("model_files:", "model_files:\n  ⟦../x⟧: ./index.md", "invalid-target"),
    ("model_files:", "model_files:\n  x.md: ⟦./none.md⟧", "local-file-missing"),
    ("model_files:", "model_files:\n  x.md: {source: ⟦./none.md⟧}", "local-file-missing"),
    ("model_files:", f"model_files:\n  x.md: ⟦{URL}⟧", "pin-missing"),
    ("model_files:", f"model_files:\n  ⟦x.md⟧:\n    source: {URL}\n    size: 7", "pin-missing"),
    ("model_files:", "model_files:\n  x.md: ⟦http://example.com/x⟧", "source-not-allowed"),
    ("  input_types: [NATURAL_LANGUAGE]", "  input_types: [⟦TEXT⟧, NATURAL_LANGUAGE]", "wrong-value"),
    ("  input_types: [NATURAL_LANGUAGE]", "  input_types: [NATURAL_LANGUAGE, ⟦[OTHER]⟧]", "wrong-value"),
    ("  input_types: [NATURAL_LANGUAGE]", "  input_types:\n    - NATURAL_LANGUAGE\n    - ⟦TEXT⟧", "wrong-value"),
    ("  input_types: [NATURAL_LANGUAGE]", "  input_types: [\n    NATURAL_LANGUAGE,\n    ⟦TEXT⟧,\n  ]", "wrong-value"),
    ("  input_types: [NATURAL_LANGUAGE]", "  input_types: [NATURAL_LANGUAGE, ⟦NATURAL_LANGUAGE⟧]", "wrong-value"),
    ("  input_types: [NATURAL_LANGUAGE]", "  input_types: ⟦NATURAL_LANGUAGE⟧", "wrong-type"),
    ("  input_languages: [en]", "  input_languages: [en, ⟦Englsh⟧]", "language-unknown"),
    ("  input_languages: [en]", "  input_languages: [en, ⟦[de]⟧]", "wrong-type"),
    ("  input_languages: [en]", "  input_languages: ⟦[]⟧", "languages-missing"),
    ("  output_types: [OTHER]", "  output_types: [OTHER]\n  output_languages: ⟦[en, de]⟧", "languages-unused"),
    ("  output_types: [OTHER]", "  output_types: [OTHER]\n  ⟦output_languages⟧:\n    - en", "languages-unused"),
    ("  input_description: A sentence.", "  input_description: ⟦''⟧", "wrong-value"),
    ("  index_page_file: index.md", "  index_page_file: ⟦https://example.com/x.md⟧", "url-not-a-target"),
    ("  num_params: 9", "  num_params: ⟦nine million⟧ # about", "wrong-type"),
    ("  num_params: 9", "  num_params: ⟦-9⟧", "wrong-value"),
    ("  num_params: 9", "  num_params: 9\nlifecycle: {state: ⟦gone⟧, reason: x}", "wrong-value"),
    ("  num_params: 9", "  num_params: 9\nlicense: ⟦Apache 2⟧", "license-unknown"),
    ("  num_params: 9", "  num_params: 9\nprivate_packages: [⟦x.whl⟧]", "package-unknown"),
    ("  num_params: 9", "  num_params: 9\n⟦parent⟧:\n- tiny/0.9", "wrong-type"),
]


def mistakes_in(descriptor: str) -> list[tuple[str, int, str]]:
    """The rules that a descriptor breaks, each with the number of a line and that line, marked where the carets are."""
    files = {**FILES, "model.yaml": descriptor.encode()}
    tree = [TreeFile(f"models/tiny/1.0/{name}", "100644", "", len(data), data) for name, data in files.items()]
    snapshot = make_snapshot(tree, "models")
    policy = Policy(sources=("https://account.blob.core.windows.net/uploads/",))
    lines = descriptor.split("\n")
    return [
        _marked(finding, lines[finding.line - 1]) for finding in check_snapshot(snapshot, policy, snapshot.versions)
    ]


def _marked(finding: Finding, line: str) -> tuple[str, int, str]:
    start, width = finding.column - 1, span(finding, line)
    marked = f"{line[:start]}⟦{line[start : start + width]}⟧{line[start + width :]}"
    return finding.rule, finding.line, marked if stands_in(finding, line) else line


@pytest.mark.parametrize(("old", "new", "rule"), MISTAKES)
def test_carets_stand_under_what_is_wrong(old: str, new: str, rule: str) -> None:
    assert DESCRIPTOR.count(f"{old}\n") == 1
    written = DESCRIPTOR.replace(f"{old}\n", f"{new}\n")
    line = written[: written.index("⟦")].count("\n") + 1
    marked = written.split("\n")[line - 1]
    found = mistakes_in(written.replace("⟦", "").replace("⟧", ""))
    assert (rule, line, marked) in found


def test_the_descriptor_that_mistakes_are_made_in_has_none() -> None:
    assert mistakes_in(DESCRIPTOR) == []
