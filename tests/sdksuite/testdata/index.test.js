// What the SDK's own tests of indexes leave out: rows of an index.
const assert = require('assert');
const TableStore = require('tablestore');

const client = new TableStore.Client({
    accessKeyId: process.env.accessKeyId,
    secretAccessKey: process.env.secretAccessKey,
    endpoint: process.env.endpoint,
    instancename: process.env.instancename,
});
const table = 'node_orders', global = 'node_by_city', local = 'node_by_day';
const number = n => TableStore.Long.fromNumber(n);
const condition = new TableStore.Condition(TableStore.RowExistenceExpectation.IGNORE, null);
const put = (id, item, ...columns) => client.putRow({
    tableName: table, condition, primaryKey: [{id}, {item: number(item)}], attributeColumns: columns,
});

// text writes a row as "key values column=value".
const text = row => [
    ...(row.primaryKey || []).map(c => `${c.value}`),
    ...(row.attributes || []).map(c => `${c.columnName}=${c.columnValue}`),
].join(' ');

// range reads all of an index whose key has these columns.
const range = async (index, columns, direction) => {
    const bound = value => columns.map(name => ({[name]: value}));
    const forward = direction !== TableStore.Direction.BACKWARD;
    const answer = await client.getRange({
        tableName: index, direction: direction || TableStore.Direction.FORWARD, maxVersions: 1,
        inclusiveStartPrimaryKey: bound(forward ? TableStore.INF_MIN : TableStore.INF_MAX),
        exclusiveEndPrimaryKey: bound(forward ? TableStore.INF_MAX : TableStore.INF_MIN),
    });
    return answer.rows.map(text);
};

const refused = async (call, message) => {
    try {
        await call;
    } catch (err) {
        return assert.ok(`${err.message || err}`.includes(message), `${err}`);
    }
    assert.fail(`not refused with "${message}"`);
};

describe('rows of indexes', function () {
    it('a table is made with a global and a local index', async () => {
        await client.createTable({
            tableMeta: {
                tableName: table,
                primaryKey: [
                    {name: 'id', type: TableStore.PrimaryKeyType.STRING},
                    {name: 'item', type: TableStore.PrimaryKeyType.INTEGER},
                ],
                definedColumn: [
                    {name: 'city', type: TableStore.DefinedColumnType.DCT_STRING},
                    {name: 'day', type: TableStore.DefinedColumnType.DCT_INTEGER},
                    {name: 'note', type: TableStore.DefinedColumnType.DCT_STRING},
                ],
            },
            reservedThroughput: {capacityUnit: {read: 0, write: 0}},
            tableOptions: {timeToLive: 86400, maxVersions: 1, allowUpdate: false},
            indexMetas: [
                {name: global, primaryKey: ['city'], definedColumn: ['note']},
                {
                    name: local, primaryKey: ['id', 'day'], definedColumn: [],
                    indexUpdateMode: TableStore.IndexUpdateMode.IUM_SYNC_INDEX, indexType: TableStore.IndexType.IT_LOCAL_INDEX,
                },
            ],
        });
        const {indexMetas} = await client.describeTable({tableName: table});
        assert.deepEqual(indexMetas.map(m => [m.name, m.indexType]), [
            [global, TableStore.IndexType.IT_GLOBAL_INDEX], [local, TableStore.IndexType.IT_LOCAL_INDEX],
        ]);
    });
    it('an index has the rows with its columns', async () => {
        await put('a', 1, {city: 'rome'}, {note: 'n'}, {day: number(7)});
        await put('a', 2, {city: 'oslo'});
        await put('b', 3, {day: number(-1)});
        assert.deepEqual(await range(global, ['city', 'id', 'item']), ['oslo a 2', 'rome a 1 note=n']);
        assert.deepEqual(await range(local, ['id', 'day', 'item'], TableStore.Direction.BACKWARD), ['b -1 3', 'a 7 1']);
    });
    it('rows are read by their keys in the index', async () => {
        const key = [{city: 'rome'}, {id: 'a'}, {item: number(1)}];
        const one = await client.getRow({tableName: global, primaryKey: key, maxVersions: 1});
        assert.equal(text(one.row), 'rome a 1 note=n');
        const many = await client.batchGetRow({tables: [{tableName: global, primaryKey: [key, [{city: 'rome'}, {id: 'a'}, {item: number(2)}]], maxVersions: 1}]});
        assert.deepEqual(many.tables[0].map(text), ['rome a 1 note=n', '']);
    });
    it('a replaced row moves, or leaves the index', async () => {
        await put('a', 1, {city: 'bern'});
        await put('a', 2, {note: 'n'});
        assert.deepEqual(await range(global, ['city', 'id', 'item']), ['bern a 1']);
        assert.deepEqual(await range(local, ['id', 'day', 'item']), ['b -1 3']);
    });
    it('an index refuses writes', () => refused(client.putRow({
        tableName: global, condition, primaryKey: [{city: 'x'}, {id: 'a'}, {item: number(1)}], attributeColumns: [],
    }), 'OTSParameterInvalid'));
    it('a table whose rows expire has no index while it allows updates', () => refused(client.updateTable({
        tableName: table, tableOptions: {timeToLive: 86400, maxVersions: 1, allowUpdate: true},
    }), "Don't support allow update operation on table with index and ttl"));
    it('the indexes go with their table', async () => {
        await client.deleteTable({tableName: table});
        await refused(range(global, ['city', 'id', 'item']), 'OTSObjectNotExist');
    });
});
