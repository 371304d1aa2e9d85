"""Mistakes that people make, each seeded into one of the well-known models."""

from __future__ import annotations

from typing import NamedTuple

MARK = "‸"  # in what is written instead: where the finding is
DESCRIPTOR = "model.yaml"

Edit = tuple[str, str]  # what stands there once, and what comes in its place


class ByHand(NamedTuple):
    """What only a person knows: the sentence that asks for it, and what somebody does who follows it."""

    sentence: str
    edits: tuple[Edit, ...]  # none: the file is taken out


class Mistake(NamedTuple):
    """One mistake, and what is said of it."""

    model: str
    rule: str
    edits: tuple[Edit, ...]
    file: str
    by_hand: ByHand | None  # None: `registry fix` mends it


CODEBERT, BERT, GPT2 = "codebert-base-mlm/1.0", "bert-tiny-uncased/1.0", "gpt2/1.0"
QWEN, OPUS = "qwen2.5-coder-7b/1.0", "opus-mt-en-de/1.0"
PUBLISHED = "https://published.blob.core.windows.net/models"
HUB = "https://huggingface.co/Qwen/Qwen2.5-Coder-7B/resolve/main"
LANGUAGES = "[GO, JAVA, JAVASCRIPT, PHP, PYTHON, RUBY, en]"
SAS = "?sv=2022-11-02&sr=b&sp=r&sig=c2VjcmV0%3D"


def fixed(model: str, rule: str, *edits: Edit) -> Mistake:
    """One that `registry fix` mends."""
    return Mistake(model, rule, edits, DESCRIPTOR, None)


def asked(model: str, rule: str, edit: Edit, sentence: str, *then: Edit, file: str = DESCRIPTOR) -> Mistake:
    """One whose finding asks for what only a person knows."""
    return Mistake(model, rule, (edit,), file, ByHand(sentence, then))


# fmt: off
MISTAKES = {
    # an encoder for code
    "the type of another kind of model": fixed(
        CODEBERT, "type-contradicts-config", ("type: ENCODER", "type: ‸DECODER")),
    "the type where the API's own table has it": fixed(
        CODEBERT, "misplaced-key", ("  type: ENCODER\n", ""),
        ("  index_page_file: index.md\n",
         "  # an encoder alone\n  ‸type: ENCODER  # without a decoder\n  index_page_file: index.md\n")),
    "the name again": fixed(
        CODEBERT, "repeated-identity", ("model_config:\n", "‸name: microsoft/codebert-base-mlm\nmodel_config:\n")),
    "the version again": fixed(
        CODEBERT, "repeated-identity", ("  private: false\n", "  private: false\n  ‸version: '1.0'  # the first\n")),
    "a programming language as people call it": fixed(
        CODEBERT, "language-alias", ("output_languages: [GO,", "output_languages: [‸golang,")),
    "a typing error in a key": fixed(
        CODEBERT, "unknown-key", ("    entry_script: training.py", "    ‸entry_scirpt: training.py")),
    "a signed URL": fixed(
        CODEBERT, "source-credentials",
        (f"{PUBLISHED}/codebert-base-mlm/vocab.json", f"‸{PUBLISHED}/codebert-base-mlm/vocab.json{SAS}")),
    "a digest as other tools print it": fixed(
        CODEBERT, "wrong-value", ("sha256: 9579eb", "sha256: ‸sha256:9579EB")),
    "no languages": asked(
        CODEBERT, "languages-missing",
        (f"input_types: [SOURCE_CODE, NATURAL_LANGUAGE]\n  input_languages: {LANGUAGES}",
         "input_types: ‸[SOURCE_CODE, NATURAL_LANGUAGE]"),
        "List the languages in `input_languages`",
        ("  input_description:", f"  input_languages: {LANGUAGES}\n  input_description:")),
    "no environment": asked(
        CODEBERT, "environment-missing",
        ("  preprocessing_properties:\n    entry_script: preprocessing.py\n    conda_env: environment.yml\n",
         "  ‸preprocessing_properties:\n    entry_script: preprocessing.py\n"),
        "Add one of the two, or both",
        ("    entry_script: preprocessing.py\n",
         "    entry_script: preprocessing.py\n    conda_env: environment.yml\n")),
    "a pre-processing script that nobody can call": asked(
        CODEBERT, "preprocessing-functions",
        ("def run(data_dir: str) -> None:", "def ‸run(data_dir: str, output_dir: str, seed: int) -> None:"),
        "Write `run(data_dir)`, or `init()` and `run(line, file)`",
        ("def run(data_dir: str, output_dir: str, seed: int) -> None:", "def run(data_dir: str) -> None:"),
        file="preprocessing.py"),

    # an encoder for text
    "a number in groups": fixed(
        BERT, "wrong-type", ("num_params: 4416698", "num_params: ‸4_416_698")),
    "a number as people say it": fixed(
        BERT, "wrong-type", ("num_params: 4416698", "num_params: ‸4.4M")),
    "the number of another model": fixed(
        BERT, "num-params-wrong", ("num_params: 4416698", "num_params: ‸109482240")),
    "a rounded number": fixed(
        BERT, "num-params-near", ("num_params: 4416698", "num_params: ‸4400000")),
    "no as a truth value": fixed(
        BERT, "wrong-type", ("private:  false", "private:  ‸no")),
    "a tab": fixed(
        BERT, "tab-indentation", ("    num_params:", "‸\tnum_params:")),
    "a language in capitals": fixed(
        BERT, "language-alias", ("- en  ", "- ‸EN  ")),
    "a licence in other words": fixed(
        BERT, "license-unknown", ("license: Apache-2.0", "license: ‸Apache License 2.0")),
    "a target that is written as a path": fixed(
        BERT, "invalid-target", ('"index.md":  ', '‸"./index.md":')),
    "a language twice": fixed(
        BERT, "wrong-value", ("output_languages: [ en ]", "output_languages: [ en, ‸en ]")),
    "two licences": asked(
        BERT, "duplicate-key", ("license: Apache-2.0\n", "license: Apache-2.0\n‸license: MIT\n"),
        "Keep one of the two", ("license: MIT\n", "")),
    "a merge that was not finished": asked(
        BERT, "conflict-marker",
        ("license: Apache-2.0\n", "‸<<<<<<< HEAD\nlicense: Apache-2.0\n=======\nlicense: MIT\n>>>>>>> theirs\n"),
        "Keep one side and take the markers out",
        ("<<<<<<< HEAD\nlicense: Apache-2.0\n=======\nlicense: MIT\n>>>>>>> theirs\n", "license: Apache-2.0\n")),
    "a file that was left there": asked(
        BERT, "stray-file", ("", "‸Ask Ada about the vocabulary.\n"),
        "Name it in `model_files` as `./notes.txt`, or take it out", file="notes.txt"),

    # a decoder, written in braces
    "a type in lower case": fixed(
        GPT2, "wrong-value", ("type: DECODER", "type: ‸decoder")),
    "a path where a target belongs": fixed(
        GPT2, "entry-script-unknown", ("entry_script: inference.py", "entry_script: ‸./inference.py")),
    "a language by its name": fixed(
        GPT2, "language-unknown", ("input_languages: [en]", "input_languages: [‸English]")),
    "http": fixed(
        GPT2, "source-not-allowed",
        (f'"{PUBLISHED}/gpt2/model.safetensors"', f'‸"{PUBLISHED}/gpt2/model.safetensors"'.replace("https", "http"))),
    "a description in the other section": fixed(
        GPT2, "misplaced-key",
        ('    description: "Goes on with an English text, 124 M parameters",\n', ""),
        ("    index_page_file: index.md,\n",
         '    index_page_file: index.md,\n    ‸description: "Goes on with an English text, 124 M parameters",\n')),
    "a British licence": fixed(
        GPT2, "unknown-key", ("license: MIT", "‸licence: MIT")),
    "a number in quotes": fixed(
        GPT2, "wrong-type", ("num_params: 124439808", 'num_params: ‸"124439808"')),
    "a language that is not listed": fixed(
        GPT2, "wrong-type", ("output_languages: [en]", "output_languages: ‸en")),
    "an anchor": asked(
        GPT2, "anchor", ("license: MIT", "license: ‸&license MIT"),
        "Write the value out in each place", ("license: &license MIT", "license: MIT")),
    "the platform's own script": asked(
        GPT2, "script-name", ("{entry_script: inference.py,", "{entry_script: ‸entry.py,"),
        "Rename it, to `inference.py` for example", ("{entry_script: entry.py,", "{entry_script: inference.py,")),

    # a decoder in shards
    "C++ by its name": fixed(
        QWEN, "language-alias", ("input_languages:\n    [C, CPP,", "input_languages:\n    [C, ‸c++,")),
    "Chinese by its name": fixed(
        QWEN, "language-unknown", ("TYPESCRIPT, en, zh]", "TYPESCRIPT, en, ‸chinese]")),
    "types that are not listed": fixed(
        QWEN, "wrong-type",
        ("input_types: [SOURCE_CODE, NATURAL_LANGUAGE]", "input_types: ‸SOURCE_CODE, NATURAL_LANGUAGE")),
    "a size in groups": fixed(
        QWEN, "wrong-type", ("size: 4877660776", "size: ‸4,877,660,776")),
    "a path of Windows": fixed(
        QWEN, "invalid-target", ("  serving/inference.py: ./", "  ‸serving\\inference.py: ./")),
    "a URL where a target belongs": fixed(
        QWEN, "url-not-a-target",
        ("conda_env: serving/environment.yaml", f"conda_env: ‸{PUBLISHED}/qwen2.5-coder-7b/serving/environment.yaml")),
    "a file without its `./`": fixed(
        QWEN, "wrong-value", ("index.md: ./index.md", "index.md: ‸index.md")),
    "a host that is not allowed": asked(
        QWEN, "source-not-allowed",
        (f"{PUBLISHED}/qwen2.5-coder-7b/model-00002", f"‸{HUB}/model-00002"),
        "Copy the file to an allowed place, or correct the URL",
        (f"{HUB}/model-00002", f"{PUBLISHED}/qwen2.5-coder-7b/model-00002")),
    "no index page": asked(
        QWEN, "missing-key", ("model_metainfo:\n  index_page_file: index.md\n", "‸model_metainfo:\n"),
        "`model_metainfo` has no `index_page_file`. Add it",
        ("model_metainfo:\n", "model_metainfo:\n  index_page_file: index.md\n")),
    "a conda file that installs nothing": asked(
        QWEN, "conda-file-invalid", ("name: qwen-coder\nchannels: [conda-forge]\ndependencies:",
                                     "‸name: qwen-coder\nchannels: [conda-forge]\npackages:"),
        "Add them as a list", ("packages:", "dependencies:"), file="serving/environment.yaml"),

    # a translation model
    "an image in capitals": fixed(
        OPUS, "docker-image-invalid", ("docker_image: registry.example.com/nlp/marian:2.4.1",
                                       "docker_image: ‸registry.example.com/NLP/Marian:2.4.1")),
    "an image with a scheme": fixed(
        OPUS, "docker-image-invalid", ("docker_image: registry", "docker_image: ‸https://registry")),
    "the licence within the description": fixed(
        OPUS, "misplaced-key", ("\nlicense: CC-BY-4.0\n", "\n"),
        ("  images:\n", "  ‸license: CC-BY-4.0  # as OPUS itself\n  images:\n")),
    "a licence with spaces": fixed(
        OPUS, "license-unknown", ("license: CC-BY-4.0", "license: ‸CC BY 4.0")),
    "a picture by its file": fixed(
        OPUS, "image-unknown", ("- images/layers.png", "- ‸layers.png")),
    "a typing error in a path": fixed(
        OPUS, "local-file-missing", ("images/layers.png: ./layers.png", "images/layers.png: ‸./layer.png")),
    "a typing error in a state": fixed(
        OPUS, "wrong-value", ("state: active", "state: ‸actve")),
    "a byte order mark": fixed(
        OPUS, "byte-order-mark", ("# Translates English into German.", "‸\ufeff# Translates English into German.")),
    "text that runs backwards": fixed(
        OPUS, "control-character",
        ("description: Translates English into German.", "description: Translates ‸\u202eEnglish into German.")),
    "a YAML tag": fixed(
        OPUS, "tag", ("num_params: 74410496", "num_params: ‸!!int 74410496")),
    "the class's name for the type": fixed(
        OPUS, "wrong-value", ("type: SEQ2SEQ", "type: ‸SEQ2SEQ_LM")),
    "a password": asked(
        OPUS, "password-literal", ("password: ${env:REGISTRY_DOCKER_PASSWORD_NLP}", "password: ‸correct-horse"),
        "Change it, and write `${env:REGISTRY_DOCKER_PASSWORD_<X>}` here",
        ("password: correct-horse", "password: ${env:REGISTRY_DOCKER_PASSWORD_NLP}")),
    "a colon in a sentence": asked(
        OPUS, "yaml-syntax",
        ("description: Translates English into German.\n", "description: Translates‸: English into German.\n"),
        "Correct this line or the one before",
        ("description: Translates: English into German.\n", 'description: "Translates: English into German."\n')),
    "a second document": asked(
        OPUS, "several-documents", ("lifecycle:\n", "‸---\nlifecycle:\n"),
        "Keep one", ("---\nlifecycle:\n", "lifecycle:\n")),
    "a function that is called with more": asked(
        OPUS, "inference-functions",
        ("def init(model_path: str) -> None:", "def ‸init() -> None:"),
        "Write `init(model_path)`", ("def init() -> None:", "def init(model_path: str) -> None:"), file="translate.py"),
}
# fmt: on
