package tablestore

// crc8Table is the CRC-8 with the polynomial x^8 + x^2 + x + 1.
var crc8Table = func() (table [256]byte) {
	for i := range table {
		x := byte(i)
		for range 8 {
			if x&0x80 != 0 {
				x = x<<1 ^ 0x07
			} else {
				x <<= 1
			}
		}
		table[i] = x
	}
	return table
}()

func crc8(sum, b byte) byte { return crc8Table[sum^b] }

// crc8Text reads a string, which nobody can write: the race detector need not look
// at each of its bytes.
//
//go:norace
func crc8Text(sum byte, s string) byte {
	for i := range len(s) {
		sum = crc8Table[sum^s[i]]
	}
	return sum
}

func crc8Uint(sum byte, n uint64, size int) byte {
	for range size {
		sum, n = crc8Table[sum^byte(n)], n>>8
	}
	return sum
}

// checksum is the CRC over name, value, timestamp and type, in this order,
// although the type is written before the timestamp.
func (c cell) checksum() byte {
	sum := crc8Text(0, c.name)
	if c.hasValue {
		sum = crc8(sum, byte(c.value.kind))
		switch c.value.kind {
		case kindInteger, kindDouble:
			sum = crc8Uint(sum, c.value.number, 8)
		case kindBoolean:
			sum = crc8(sum, byte(c.value.number))
		case kindString, kindBinary:
			sum = crc8Text(crc8Uint(sum, uint64(len(c.value.text)), 4), c.value.text)
		}
	}
	if c.hasTime {
		sum = crc8Uint(sum, uint64(c.time), 8)
	}
	if c.op != opPut {
		sum = crc8(sum, byte(c.op))
	}
	return sum
}
