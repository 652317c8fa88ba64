import { expect, test } from 'vitest';
import { limitOf, requestOf, SizedPod } from '../../src/adapters/kubernetes/pod-memory.ts';
import { parseQuantity } from '../../src/adapters/kubernetes/quantity.ts';

const KIB = 1024;
const MIB = KIB ** 2;

test.each([
  ['0', 0],
  ['134217728', 134_217_728],
  ['128Mi', 128 * MIB],
  ['1.5Gi', 1536 * MIB],
  ['.5Gi', 512 * MIB],
  ['15341596Ki', 15_341_596 * KIB],
  ['2Ti', 2 * KIB ** 4],
  ['1Pi', KIB ** 5],
  ['1Ei', KIB ** 6],
  ['129M', 129e6],
  ['64k', 64_000],
  ['3G', 3e9],
  ['2T', 2e12],
  ['1P', 1e15],
  ['1E', 1e18],
  ['129e6', 129e6],
  ['129E6', 129e6],
  ['128974848000m', 128_974_848],
  ['1m', 1],
  ['1500u', 1],
  ['100n', 1],
  ['-1Gi', -1024 * MIB],
  ['1gi', null],
  ['1KB', null],
  ['1Mi ', MIB],
  ['1 Mi', null],
  ['', null],
  ['Mi', null],
])('%s is %s bytes', (text, bytes) => expect(parseQuantity(text)).toBe(bytes));

type Sizes = { request?: string; limit?: string; sidecar?: true };
const container = ({ request, limit, sidecar }: Sizes, index: number) => ({
  name: `c${index}`,
  resources: {
    ...(request === undefined ? {} : { requests: { memory: request, cpu: '1' } }),
    ...(limit === undefined ? {} : { limits: { memory: limit } }),
  },
  ...(sidecar === undefined ? {} : { restartPolicy: 'Always' }),
});
const pod = (containers: Sizes[], initContainers: Sizes[] = [], rest: object = {}): SizedPod =>
  SizedPod.parse({
    metadata: { name: 'p', uid: 'u' },
    spec: { containers: containers.map(container), initContainers: initContainers.map(container), ...rest },
  });
const of = (mib: string): Sizes => ({ request: mib, limit: mib });

test.each<[string, SizedPod, number, number | null]>([
  ['containers are added up', pod([of('100Mi'), of('50Mi')]), 150, 150],
  ['a larger init container counts in their place', pod([of('100Mi')], [of('300Mi'), of('200Mi')]), 300, 300],
  ['a smaller one does not count', pod([of('100Mi')], [of('30Mi')]), 100, 100],
  ['a sidecar is added', pod([of('100Mi')], [{ ...of('30Mi'), sidecar: true }]), 130, 130],
  [
    'an init container runs beside the sidecars begun before it only',
    pod([of('100Mi')], [of('115Mi'), { ...of('30Mi'), sidecar: true }, of('105Mi'), { ...of('1Mi'), sidecar: true }]),
    135,
    135,
  ],
  ['overhead comes on top', pod([of('100Mi')], [of('300Mi')], { overhead: { memory: '64Mi', cpu: '1' } }), 364, 364],
  ['a container without limit may take all', pod([of('100Mi'), { request: '10Mi' }]), 110, null],
  ['so may a sidecar', pod([of('100Mi')], [{ request: '1Mi', sidecar: true }]), 101, null],
  ['an init container without limit ends', pod([of('100Mi')], [{ request: '1Mi' }]), 100, 100],
  ['nothing asked is nothing', pod([{}]), 0, null],
  [
    'what the pod as a whole says stands above its containers',
    pod([{ request: '10Mi' }], [], { resources: { requests: { memory: '200Mi' }, limits: { memory: '400Mi' } } }),
    200,
    400,
  ],
])('%s', (_case, sized, requestMib, limitMib) => {
  expect(requestOf(sized)).toBe(requestMib * MIB);
  expect(limitOf(sized)).toBe(limitMib === null ? null : limitMib * MIB);
});
