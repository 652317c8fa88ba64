# One image for every role: `docker run memtriage bot`, `... collector`.
FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build && npm prune --omit=dev

FROM node:20-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY src/probe src/probe
COPY src/adapters/on-call/list-holidays.mjs src/adapters/on-call/list-holidays.mjs
COPY runbooks runbooks
USER node
EXPOSE 8080
ENTRYPOINT ["node", "dist/main/cli.js"]
CMD ["bot"]
