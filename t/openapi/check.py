#!/usr/bin/env python3
"""
Answers of a real server against contrib/openapi.yaml.

    check.py TOP

Reads lines of JSON, and answers each with a line of JSON: a list of what is
wrong.  {"answer": {...}} is one answer of the server: "method", "path" (as
the description has it), "status", "headers", "body".  {"seen": [...]} asks
which responses have not been seen, but for those that are listed.  {"code": 1}
asks in what the description and the sources differ.
"""

import glob
import json
import re
import sys

import jsonschema
import yaml

METHODS = ("get", "post", "put", "delete", "patch", "options")
URN = "urn:caphealth:problem:"

STATUSES = {
    "NGX_HTTP_BAD_REQUEST": 400,
    "NGX_HTTP_FORBIDDEN": 403,
    "NGX_HTTP_NOT_FOUND": 404,
    "NGX_HTTP_NOT_ALLOWED": 405,
    "NGX_HTTP_REQUEST_ENTITY_TOO_LARGE": 413,
    "NGX_HTTP_UNSUPPORTED_MEDIA_TYPE": 415,
    "NGX_HTTP_INTERNAL_SERVER_ERROR": 500,
    "NGX_HTTP_SERVICE_UNAVAILABLE": 503,
    "NGX_HTTP_INSUFFICIENT_STORAGE": 507,
}


def once(pairs):
    """An object whose members are there once each."""
    members = dict(pairs)

    if len(members) != len(pairs):
        raise ValueError("a member is there twice")

    return members


def close(node):
    """Clients are to bear members that are added, but none is undescribed."""
    if isinstance(node, list):
        for one in node:
            close(one)

    if isinstance(node, dict):
        if ("object" in node.get("type", ()) and "properties" in node
                and "required" in node):
            node.setdefault("additionalProperties", False)

        for one in node.values():
            close(one)


class Description:
    """What contrib/openapi.yaml says, and what of it has been seen."""

    def __init__(self, top):
        self.top = top

        with open(f"{top}/contrib/openapi.yaml", encoding="utf-8") as file:
            self.document = yaml.safe_load(file)

        close(self.document["components"])

        self.resolver = jsonschema.RefResolver("", self.document)
        self.operations = {}
        self.seen = set()

        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    self.operations[method, path] = item[method]

    def resolve(self, node):
        while "$ref" in node:
            _, node = self.resolver.resolve(node["$ref"])

        return node

    def wrong(self, schema, value):
        validator = jsonschema.Draft202012Validator(
            schema, resolver=self.resolver,
            format_checker=jsonschema.FormatChecker())
        error = jsonschema.exceptions.best_match(validator.iter_errors(value))

        if error is None:
            return []

        where = "/".join(str(part) for part in error.absolute_path)

        return [f"{where or 'the whole'}: {error.message[:300]}"]

    def answer(self, answer):
        """What is wrong with one answer of the server."""
        method, path = answer["method"].lower(), answer["path"]
        status = str(answer["status"])
        described = [m for m in METHODS if (m, path) in self.operations]

        # a method that is not described is refused as the others say

        if method not in described:
            method = described[0]

            if status not in ("405", "403"):
                return [f"{answer['method']} {path} is not described, but "
                        f"answered with {status}"]

        operation = self.operations[method, path]

        if status not in operation["responses"]:
            return [f"{method} {path}: {status} is not described: "
                    f"{answer['body'][:200]}"]

        response = self.resolve(operation["responses"][status])
        key = (operation["operationId"], status)

        return (self.headers(response, answer["headers"])
                + self.body(response, answer, key))

    def headers(self, response, headers):
        wrong = []

        for name, header in response.get("headers", {}).items():
            header = self.resolve(header)
            value = headers.get(name.lower())

            if value is None:
                if header.get("required"):
                    wrong.append(f"there is no header {name}")
                continue

            if self.resolve(header["schema"]).get("type") == "integer":
                value = int(value)

            wrong += [f"header {name}: {text}"
                      for text in self.wrong(header["schema"], value)]

        return wrong

    def body(self, response, answer, key):
        content = response.get("content")
        body = answer["body"]

        if content is None:
            self.seen.add(key + ("",))
            return ["there is a body: " + body[:200]] if body else []

        kind = answer["headers"].get("content-type", "").split(";")[0]

        if kind not in content:
            return [f"{key}: the media type {kind} is not described"]

        schema = content[kind].get("schema", {})
        detail = kind

        if kind.endswith("json"):
            try:
                value = json.loads(body, object_pairs_hook=once)
            except ValueError as error:
                return [f"no JSON: {error}"]

            if kind == "application/problem+json":
                detail = str(value.get("type"))

        else:
            value = body

        wrong = self.wrong(schema, value)

        if not wrong:
            self.seen.add(key + (detail,))

        return wrong

    def problems(self, schema):
        """The types of problem in a schema: {type: status}"""
        found = {}
        schema = self.resolve(schema)

        for part in schema.get("oneOf", []) + schema.get("allOf", []):
            found.update(self.problems(part))

        kind = schema.get("properties", {}).get("type", {}).get("const")

        if kind is not None:
            found[kind] = schema["properties"]["status"]["const"]

        return found

    def described(self):
        """All that there is to be seen."""
        for operation in self.operations.values():
            for status, response in operation["responses"].items():
                response = self.resolve(response)
                key = (operation["operationId"], status)

                for kind, media in response.get("content", {}).items():
                    if kind != "application/problem+json":
                        yield key + (kind,)
                        continue

                    for problem in self.problems(media["schema"]):
                        yield key + (problem,)

                if "content" not in response:
                    yield key + ("",)

    def unseen(self, but):
        return [" ".join(key) for key in self.described()
                if key not in self.seen and " ".join(key) not in but]

    def code(self):
        """In what the description and the sources differ."""
        return self.code_problems() + self.code_operations()

    def code_problems(self):
        wrong = []
        theirs = source_problems(self.top)
        ours = {}

        for name, schema in self.document["components"]["schemas"].items():
            if name.startswith("Problem"):
                ours.update(self.problems(schema))

        if ours != theirs:
            for kind in sorted(set(ours) | set(theirs)):
                if ours.get(kind) != theirs.get(kind):
                    wrong.append(f"{kind}: {ours.get(kind)} in the "
                                 f"description, {theirs.get(kind)} in the "
                                 "sources")

        used = {detail for _, _, detail in self.described()}
        docs = read(f"{self.top}/docs/http-api.md")

        for kind in theirs:
            if kind not in used:
                wrong.append(f"{kind}: no operation has it")
            if kind[len(URN):] not in docs:
                wrong.append(f"{kind}: docs/http-api.md does not have it")

        return wrong

    def code_operations(self):
        theirs = source_operations(self.top)
        ours = {operation["x-nginx-directive"]
                for operation in self.operations.values()}

        wrong = [f"{name} is not described" for name in theirs - ours]
        wrong += [f"{name} is not in the sources" for name in ours - theirs]

        demo = read(f"{self.top}/conf/demo.conf")
        locations = dict(re.findall(
            r"location (?:= )?(/\S+) \{\s+(caphealth_\w+(?: \w+)?);", demo))

        for (_, path), operation in self.operations.items():
            name = operation["x-nginx-directive"]
            place = path.split("/{")[0]

            if name == "caphealth_image_delete":
                name = "caphealth_image_upload"

            if locations.get(place) != name:
                wrong.append(f"conf/demo.conf has no {name} at {place}")

        return wrong


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def source_problems(top):
    """Every type of problem that the sources can answer with."""
    found = {}

    for path in glob.glob(f"{top}/src/*/*.c"):
        text = read(path)

        for status, kind in re.findall(
                r'(NGX_HTTP_\w+),\s*ngx_string\(NGX_HTTP_CAPHEALTH_URN\s*'
                r'"([a-z-]+)"', text):
            found[URN + kind] = STATUSES[status]

        for status, upload, deletion in re.findall(
                r'\[CAPHEALTH_OUTCOME_\w+\] =\s*\{ ([1-9]\d*),'
                r' (\S+), (\S+) \}', text):
            kind = upload if upload != "NULL" else deletion
            found[URN + kind.strip('"')] = int(status)

        # none that is written in another way escapes

        for kind in re.findall(r'CAPHEALTH_URN\s*"([a-z-]+)"', text):
            assert URN + kind in found, kind

    for kind, status in re.findall(r'"type":"(urn:[a-z:-]+)".*?"status":(\d+)',
                                   read(f"{top}/conf/snippets/images.conf")):
        found[kind] = int(status)

    return found


def source_operations(top):
    """What directives make endpoints of locations."""
    table = dict(re.findall(r'ngx_string\("(caphealth_\w+)"\),[^,]+,\s*(\w+),',
                            read(f"{top}/ngx_http_caphealth_module.c")))
    directives = {function: name for name, function in table.items()}
    found = set()

    for path in glob.glob(f"{top}/src/*/*.c"):
        for function, body in re.findall(
                r"^(\w+)\(ngx_conf_t \*cf, ngx_command_t [^{]*\{(.*?)^\}",
                read(path), re.M | re.S):
            handlers = re.findall(
                r"ngx_http_caphealth_add_endpoint\(cf,\s*\w+,"
                r"\s*ngx_http_caphealth_(\w+)_handler\)", body)

            for handler in handlers:
                name = directives[function]
                found.add(f"{name} {handler}" if len(handlers) > 1 else name)

    if "caphealth_image_delete" in table:
        found.add("caphealth_image_delete")

    return found


def main():
    description = Description(sys.argv[1])

    for line in sys.stdin:
        question = json.loads(line)

        if "answer" in question:
            reply = description.answer(question["answer"])
        elif "seen" in question:
            reply = description.unseen(question["seen"])
        else:
            reply = description.code()

        print(json.dumps(reply), flush=True)


main()
