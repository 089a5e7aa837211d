-- SPDX-License-Identifier: GPL-2.0
-- Coroutines, closures, errors, the garbage collector and files, and the status 4.

local function fibonacci(n)
	return coroutine.wrap(function()
		local a, b = 0, 1
		for _ = 1, n do
			coroutine.yield(a)
			a, b = b, a + b
		end
	end)
end

local numbers = {}
for n in fibonacci(tonumber(arg[1])) do
	numbers[#numbers + 1] = n
end
print("fibonacci " .. table.concat(numbers, " ", #numbers - 2))

local ok, why = pcall(function() error({ code = 42 }) end)
print("error " .. tostring(ok) .. " " .. why.code)
local deep = function(f) return 1 + f(f) end
print("overflow " .. tostring(pcall(deep, deep)))

local finalized = 0
for i = 1, 10000 do
	setmetatable({}, { __gc = function() finalized = finalized + 1 end })
end
collectgarbage()
print("finalized " .. finalized)

local file = assert(io.open("/tmp/file", "w"))
for i = 1, 1000 do
	file:write(string.format("%d %x\n", i, i))
end
file:close()
local sum = 0
for line in io.lines("/tmp/file") do
	sum = sum + tonumber(line:match(" (%x+)$"), 16)
end
print("sum " .. sum)
os.exit(4)
