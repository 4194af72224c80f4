-- Run in a headless Neovim by tests/lsp/neovim.py, with the configuration of docs/editor.md, in a folder with specs.
local function waits(what, test)
  assert(vim.wait(60000, test, 50), "never true: " .. what)
end

local function screen()
  vim.cmd("redraw!")
  local rows = {}
  for row = 1, vim.o.lines do
    local cells = {}
    for column = 1, vim.o.columns do
      cells[column] = vim.fn.screenstring(row, column)
    end
    rows[row] = table.concat(cells):gsub("%s+$", "")
  end
  return table.concat(rows, "\n") .. "\n"
end

local function shows(words)
  waits("the screen shows " .. words, function() return screen():find(words, 1, true) ~= nil end)
end

local function picture(name)
  if vim.env.PICTURES then
    local file = assert(io.open(vim.env.PICTURES .. "/" .. name .. ".txt", "w"))
    file:write(screen())
    file:close()
  end
end

local function text()
  return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, true), "\n") .. "\n"
end

local settled = {}
vim.lsp.handlers["$/netspec/settled"] = function(_, told) settled[told.uri .. told.version] = true end

local function settles()
  waits("all is told", function() return settled[vim.uri_from_bufnr(0) .. vim.lsp.util.buf_versions[vim.api.nvim_get_current_buf()]] end)
end

local function opens(name, content)
  if content then vim.fn.writefile(vim.split(content, "\n"), "specs/" .. name, "b") end
  vim.cmd("silent edit! specs/" .. name)
  waits("the server serves it", function() return #vim.lsp.get_clients({ bufnr = 0 }) == 1 end)
  settles()
end

local function goes(words, further)
  local at = assert(text():find(words, 1, true), words) + (further or 0)
  vim.api.nvim_win_set_cursor(0, { vim.fn.byte2line(at), at - vim.fn.line2byte(vim.fn.byte2line(at)) })
end

local function wrong()
  local found = {}
  for _, d in ipairs(vim.diagnostic.get(0)) do
    found[#found + 1] = d.code .. " " .. table.concat(vim.api.nvim_buf_get_text(0, d.lnum, d.col, d.end_lnum, d.end_col, {}))
  end
  return table.concat(found, ", ")
end

local function mends(after)
  vim.lsp.buf.code_action({ apply = true, filter = function(action) return action.kind == "quickfix" end })
  waits("mended to " .. after, function() return text():find(after, 1, true) ~= nil end)
  settles()
end

local function closes()
  vim.cmd("silent! fclose!")
end

local BLOCKS = [[
input: [3, 32, 32]
blocks:
  unit(n):
    - Conv2d: {out_channels: n, kernel_size: 3}
    - ReLU
layers:
  - unit: 8
  - unit: 16]]

local scenes = {
  { "hints and hover", function()
    opens("alexnet.yaml")
    assert(wrong() == "", wrong())
    shows("- Flatten → 6400")
    picture("hints")
    goes("MaxPool2d", 2)
    vim.lsp.buf.hover()
    shows("26 = (54 − 3) // 2 + 1")
    picture("hover")
    closes()
  end },
  { "a mistake and its mend", function()
    opens("alexnet_wrong_flatten.yaml")
    assert(wrong() == "width-mismatch 9216, width-mismatch 1000", wrong())
    goes("features: 9216", 10)
    vim.diagnostic.open_float()
    shows("gives 6400 = 256 × 5 × 5")
    picture("mistake")
    closes()
    mends("in_features: 6400, out_features: 4096} # error")
    assert(wrong() == "width-mismatch 1000", wrong())
  end },
  { "columns behind what UTF-16 counts twice", function()
    opens("columns.yaml", '{description: "😀𝔘", input: [4], layers: [Linear: {in_features: 57, out_features: 3}]}\n')
    assert(wrong() == "width-mismatch 57", wrong())
    goes("57")
    mends('"😀𝔘", input: [4], layers: [Linear: {in_features: 4, out_features: 3}]}')
    assert(wrong() == "", wrong())
  end },
  { "completion and signature", function()
    opens("typed.yaml", "input: [1, 28, 28]\nlayers:\n  - Flatten\n  - Linear: {\n")
    goes("Linear: {")
    local offered, timer = nil, assert(vim.uv.new_timer())
    timer:start(100, 100, vim.schedule_wrap(function()
      if not offered and vim.fn.pumvisible() == 1 then
        offered = vim.tbl_map(function(item) return item.word end, vim.fn.complete_info({ "items" }).items)
        picture("completion")
        vim.api.nvim_input("<C-e><Esc>")
      end
    end))
    vim.api.nvim_feedkeys(vim.keycode("A<C-x><C-o>"), "x!", false)
    timer:stop()
    assert(table.concat(offered, ""):find("out_features", 1, true), vim.inspect(offered))
    vim.api.nvim_win_set_cursor(0, { 4, 12 })
    vim.lsp.buf.signature_help()
    shows("Linear(in_features=null, out_features, bias=true)")
    picture("signature")
    closes()
  end },
  { "names", function()
    opens("blocks.yaml", BLOCKS .. "\n")
    goes("unit: 16", 1)
    local tokens = vim.lsp.semantic_tokens
    waits("a call has a colour", function() return #(tokens.get_at_pos() or {}) == 1 end)
    assert(tokens.get_at_pos()[1].type == "function")
    local uses
    vim.lsp.buf.references(nil, { on_list = function(list) uses = list.items end })
    waits("the uses are listed", function() return uses ~= nil end)
    assert(#uses == 3, vim.inspect(uses))
    vim.lsp.buf.definition()
    waits("the cursor is at the block", function() return vim.fn.line(".") == 3 end)
    vim.lsp.buf.rename("stage")
    waits("renamed", function() return text():find("stage: 16", 1, true) ~= nil end)
    assert(text() == BLOCKS:gsub("unit", "stage") .. "\n", text())
  end },
  { "outline, folding, lenses", function()
    opens("efficientnet.yaml")
    assert(wrong() == "", wrong())
    local outline
    vim.lsp.buf.document_symbol({ on_list = function(list) outline = list.items end })
    waits("the outline is there", function() return outline ~= nil end)
    assert(vim.iter(outline):any(function(item) return item.text:find("efficientnet_b7", 1, true) end))
    vim.wo.foldmethod, vim.wo.foldexpr, vim.wo.foldlevel = "expr", "v:lua.vim.lsp.foldexpr()", 0
    waits("what stands under `variants` folds", function()
      vim.cmd("silent! normal! zx")
      return vim.fn.foldclosed(30) == 24
    end)
    picture("folded")
    vim.wo.foldenable = false
    vim.lsp.codelens.refresh({ bufnr = 0 })
    waits("lenses", function() return #vim.lsp.codelens.get(0) > 11 end)
    goes("efficientnet_b7")
    shows("show | compile | draw")
    picture("lenses")
  end },
}

vim.o.lines, vim.o.columns, vim.o.showmode = 40, 110, false
vim.opt.shortmess:append("c")
for _, scene in ipairs(scenes) do
  local done, why = xpcall(scene[2], debug.traceback)
  if not done then
    io.stderr:write(scene[1] .. ": " .. why .. "\n" .. screen())
    vim.cmd("cquit 1")
  end
  io.stdout:write(scene[1] .. ": as it should be\n")
end
vim.cmd("qall!")
