# SPDX-License-Identifier: Apache-2.0
"""Answers against docs/openapi.yaml: status, content type and body, and no member undocumented."""
import functools
import json
import pathlib
import re

import jsonschema
import yaml

SPEC = pathlib.Path(__file__).resolve().parent.parent.parent / "docs/openapi.yaml"


def close(schema):
    """What our own answers may hold is exactly what is written down."""
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema:
            schema["additionalProperties"] = False
        for value in schema.values():
            close(value)
    elif isinstance(schema, list):
        for value in schema:
            close(value)


@functools.cache
def spec():
    # By way of JSON, for YAML's anchors would be shared objects, and numbers of statuses no strings.
    document = json.loads(json.dumps(yaml.safe_load(SPEC.read_text())))
    close(document["components"]["schemas"])
    return document


def resolve(node):
    while "$ref" in node:
        found = spec()
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


@functools.cache
def patterns():
    """(expression, path) of every path, those without parameters first."""
    paths = sorted(spec()["paths"], key=lambda path: (path.count("{"), path))
    return [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)) + "$"), path)
            for path in paths]


def operation(method, target):
    """Where the spec has it; None when it does not."""
    path = target.partition("?")[0]
    for expression, name in patterns():
        if expression.match(path):
            item = resolve(spec()["paths"][name])
            return item.get("get" if method == "HEAD" else method.lower())
    return None


def check(method, target, answer):
    found = operation(method, target)
    if found is None:
        assert answer.status in (401, 403, 404, 405), answer
        found = {"responses": {"default": spec()["components"]["responses"]["Error"]}}
    responses = found["responses"]
    assert str(answer.status) in responses or (answer.status >= 400 and "default" in responses), \
        f"{method} {target}: {answer.status} is not documented: {answer}"
    response = resolve(responses.get(str(answer.status)) or responses["default"])
    if "content" not in response or method == "HEAD":
        assert answer.body == b"", answer
        return
    kind, _, parameter = answer.header("Content-Type").partition(";")
    assert kind in response["content"], answer
    if kind == "application/json":
        assert parameter.strip() == "charset=utf-8", answer
        schema = response["content"][kind].get("schema", {})
        jsonschema.Draft202012Validator(
            schema, resolver=jsonschema.RefResolver("", spec())).validate(answer.json())
