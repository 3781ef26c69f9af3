-- What a user writes, with the server and the options of the test. REDRAFT_CMD: a JSON list; REDRAFT_OPTIONS: an object.
vim.opt.runtimepath:append(vim.env.REDRAFT_PLUGIN)
vim.o.swapfile = false
vim.o.shadafile = "NONE"
vim.cmd("filetype plugin on")
local options = vim.json.decode(vim.env.REDRAFT_OPTIONS)
options.cmd = vim.json.decode(vim.env.REDRAFT_CMD)
require("redraft").setup(options)
