// contrib/openapi.yaml is a description in OpenAPI 3.1, by OpenAPI's own
// schema, and a tidy one.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const home = resolve(process.env.BUILD || 'build', 'openapi');
const require = createRequire(join(home, 'package.json'));
const { Validator } = await import(pathToFileURL(join(home, 'node_modules',
    '@seriousme/openapi-schema-validator/index.js')));
const { parse } = require('yaml');

const text = readFileSync('contrib/openapi.yaml', 'utf8');
const document = parse(text);
const methods = ['get', 'post', 'put', 'delete', 'patch', 'head', 'options'];

const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    methods.filter((method) => item[method])
           .map((method) => ({ path, method, ...item[method] })));

// a copy, since the validator may change what it is given

async function verdict(value) {
    return new Validator().validate(JSON.parse(JSON.stringify(value)));
}

test('it is what OpenAPI 3.1 says', async () => {
    const validator = new Validator();
    const result = await validator.validate(parse(text));

    assert.deepEqual(result, { valid: true });
    assert.equal(validator.version, '3.1');
});

test('the schema can find fault', async () => {
    assert.equal((await verdict({ ...document, info: {} })).valid, false);
    assert.equal((await verdict({ ...document, path: {} })).valid, false);
    assert.equal((await verdict({
        ...document,
        paths: { '/': { get: { responses: { 2000: {} } } } },
    })).valid, false);
});

test('operations have names of their own, and parameters for their paths', () => {
    const ids = operations.map((operation) => operation.operationId);

    assert.equal(new Set(ids).size, ids.length);

    for (const { path, parameters = [], summary } of operations) {
        const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
        const given = parameters.filter((one) => one.in === 'path')
                                .map((one) => one.name);

        assert.deepEqual(given, named, path);
        assert.ok(summary, path);
    }
});

test('every component is used, and every reference leads to one', () => {
    const used = new Set(text.match(/#\/components\/\w+\/\w+/g));

    // a security requirement names its scheme

    for (const { security = [] } of operations) {
        for (const name of security.flatMap(Object.keys)) {
            used.add(`#/components/securitySchemes/${name}`);
        }
    }

    const there = Object.entries(document.components).flatMap(
        ([kind, components]) => Object.keys(components).map(
            (name) => `#/components/${kind}/${name}`));

    assert.deepEqual([...used].sort(), there.sort());
});

test('what an object must have is what it has', () => {

    // members that are there only where something is configured

    const optional = { Health: ['fleet'], Capacity: ['fleet'] };

    for (const [name, schema] of Object.entries(document.components.schemas)) {
        if (!schema.properties || !schema.required || schema.allOf) {
            continue;
        }

        const known = Object.keys(schema.properties);

        assert.deepEqual(schema.required.filter((one) => !known.includes(one)),
                         [], name);

        const alternatives = (schema.oneOf ?? []).flatMap(
            ({ required }) => required ?? []);

        if (!['HealthJson', 'Component'].includes(name)) {
            assert.deepEqual([...schema.required, ...alternatives,
                              ...optional[name] ?? []].sort(),
                             known.sort(), name);
        }
    }
});
