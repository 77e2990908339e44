// node's own TAP reporter adds YAML that other readers of TAP cannot parse:
// the same, with what went wrong as comments.

export default async function* tap(events) {
    yield 'TAP version 13\n';

    for await (const { type, data } of events) {
        if (type === 'test:pass' && data.nesting === 0) {
            yield `ok ${data.testNumber} - ${line(data)}\n`;

        } else if (type === 'test:fail' && data.nesting === 0) {
            yield `not ok ${data.testNumber} - ${line(data)}\n`
                  + comment(explain(data.details.error));

        } else if (type === 'test:plan' && data.nesting === 0) {
            yield `1..${data.count}\n`;

        } else if (type === 'test:diagnostic') {
            yield comment(data.message);

        } else if (type === 'test:stdout' || type === 'test:stderr') {
            yield comment(data.message);
        }
    }
}

function line({ name, skip }) {
    const title = name.replaceAll('#', '\\#');

    return skip === undefined ? title : `${title} # SKIP ${skip}`;
}

function explain(error) {
    const cause = error.cause ?? error;

    return cause.stack ?? String(cause);
}

function comment(text) {
    return text.trimEnd().split('\n').map((one) => `# ${one}\n`).join('');
}
